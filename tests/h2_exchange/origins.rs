//! Origins that speak HTTP/2 and do not answer as they should.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use testkit::{Origin, Setup, Turn, Weir};

use crate::frame::{
    Frame, HEADERS, PREFACE, RST_STREAM, SETTINGS, STATUS_200, frame, read_until, status,
};

const REFUSED_STREAM: u32 = 7;

/// Answers each whole request with what `answer` makes of its stream.
fn origin(answer: impl Fn(u32) -> Vec<u8> + Send + Sync + 'static) -> Origin {
    Origin::script(move |c: &mut Turn| {
        c.read_exact(PREFACE.len()).expect("a preface");
        c.send(frame(SETTINGS, 0, 0, b""));
        while let Some(Frame { stream, .. }) = read_until(c, Frame::ends_stream) {
            c.send(answer(stream));
        }
    })
}

fn before(origin: &Origin) -> Weir {
    Setup::new().to(origin).upstream("protocol h2").workers(1).start()
}

#[test]
fn a_body_that_was_sent_whole_is_not_sent_again_as_none() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let origin = origin(move |stream| {
        count.fetch_add(1, Ordering::SeqCst);
        frame(RST_STREAM, 0, stream, &REFUSED_STREAM.to_be_bytes())
    });
    let weir = before(&origin);
    // The later ones find a kept connection, beside which a new one could be tried.
    for method in ["POST", "PUT", "POST"] {
        let head = format!("{method} / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\n");
        assert_eq!(weir.client().exchange(head + "hello").status, 502, "{method}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[test]
fn a_switch_of_protocols_is_no_interim_response() {
    let origin = origin(|stream| {
        let switch = frame(HEADERS, 4, stream, &status("101"));
        [switch, frame(HEADERS, 5, stream, STATUS_200)].concat()
    });
    let weir = before(&origin);
    let response = weir.client().exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!(response.status, 502);
    assert!(response.interim_statuses().is_empty());
}
