//! The origin dies at every byte of the exchange. The client gets the whole response, a 502, or
//! one that is visibly cut; never a hang, never a whole one that is wrong.

use dialogue::{get, post};
use testkit::{Origin, Outcome, Turn, Weir};

const COUNTED: &str =
    "HTTP/1.1 200 OK\r\nX-Kind: counted\r\nContent-Length: 12\r\n\r\ntwelve bytes";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                       7\r\ntwelve \r\n5;x=y\r\nbytes\r\n0\r\nX-Sum: 1\r\n\r\n";
const HINTED: &str = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n\
                      HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\ntwelve bytes";
const CLOSING: &str = "HTTP/1.1 200 OK\r\nX-Kind: closing\r\n\r\ntwelve bytes";

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Close,
    Reset,
}

impl End {
    fn put(self, c: &Turn) {
        // Everything sent so far was read, so a reset takes nothing of it away.
        c.settle();
        if self == Self::Reset {
            c.sock().linger_zero();
        }
    }
}

/// Sends as much of `response` as the target says, then ends.
fn dying_while_answering(response: &'static str, end: End) -> Origin {
    Origin::script(move |c| {
        let keep: usize = c.request().target()[1..].parse().expect("a number");
        c.send(&response[..keep]);
        end.put(c);
    })
}

/// What a client may see when `keep` bytes of `response` were sent.
fn judge(case: &str, outcome: &Outcome, whole: bool) {
    match outcome {
        Outcome::Whole(got) if got.status == 502 => assert!(!whole, "{case}: lost"),
        Outcome::Whole(got) => {
            assert_eq!((got.status, got.text().as_str()), (200, "twelve bytes"), "{case}");
            assert!(whole, "{case}: made up");
        }
        Outcome::Cut(_) => assert!(!whole, "{case}: cut"),
        other => panic!("{case}: {other:?}"),
    }
}

fn every_prefix(response: &'static str) {
    for end in [End::Close, End::Reset] {
        let origin = dying_while_answering(response, end);
        let weir = Weir::before(&origin);
        for keep in 0..=response.len() {
            let case = format!("{end:?} after {keep} of {response:?}");
            let outcome = weir.client().ask(get(&format!("/{keep}"))).outcome();
            judge(&case, &outcome, keep == response.len());
        }
        assert_eq!(weir.wait_log(response.len() + 1).len(), response.len() + 1);
    }
}

#[test]
fn in_a_counted_response() {
    every_prefix(COUNTED);
}

#[test]
fn in_a_chunked_response() {
    every_prefix(CHUNKED);
}

#[test]
fn after_an_interim_response() {
    every_prefix(HINTED);
}

#[test]
fn in_a_close_delimited_response() {
    let head = CLOSING.find("\r\n\r\n").expect("a head") + 4;
    let origin = dying_while_answering(CLOSING, End::Close);
    let weir = Weir::before(&origin);
    for keep in 0..=CLOSING.len() {
        match weir.client().ask(get(&format!("/{keep}"))).outcome() {
            Outcome::Whole(got) if keep < head => assert_eq!(got.status, 502, "{keep}"),
            Outcome::Whole(got) => assert_eq!(got.text(), CLOSING[head..keep], "{keep}"),
            Outcome::Cut(_) if keep < head => {}
            other => panic!("{keep}: {other:?}"),
        }
    }
}

#[test]
fn by_a_reset_in_a_close_delimited_response() {
    let origin = dying_while_answering(CLOSING, End::Reset);
    let weir = Weir::before(&origin);
    for keep in 0..=CLOSING.len() {
        let outcome = weir.client().ask(get(&format!("/{keep}"))).outcome();
        match outcome {
            Outcome::Whole(got) => assert_eq!(got.status, 502, "a reset is no end: {keep}"),
            Outcome::Cut(_) => {}
            other => panic!("{keep}: {other:?}"),
        }
    }
}

#[test]
fn while_it_reads_the_request() {
    let request = post("/", "twelve bytes");
    for end in [End::Close, End::Reset] {
        let origin = Origin::script(move |c| {
            // The connection's number is how much it reads before it dies.
            let count = c.index;
            drop(c.read_exact(count));
            end.put(c);
        });
        let weir = Weir::before(&origin);
        for keep in 0..request.len() {
            let got = weir.client().exchange(&request);
            assert_eq!(got.status, 502, "{end:?} at {keep}");
        }
        let attempts = origin.seen().connections().len();
        assert_eq!(attempts, request.len(), "a POST was tried twice");
    }
}

#[test]
fn on_a_reused_connection() {
    for end in [End::Close, End::Reset] {
        let origin = Origin::script(move |c| {
            while let Some(request) = c.next_request() {
                let keep = request.target()[1..].parse().unwrap_or(COUNTED.len());
                c.send(&COUNTED[..keep]);
                if keep < COUNTED.len() {
                    return end.put(c);
                }
            }
        });
        let weir = Weir::before(&origin);
        for keep in 0..COUNTED.len() {
            let mut client = weir.client();
            assert_eq!(client.get("/whole").status, 200);
            let outcome = client.ask(get(&format!("/{keep}"))).outcome();
            judge(&format!("{end:?} after {keep}"), &outcome, false);
        }
    }
}

#[test]
fn while_the_client_still_sends() {
    for end in [End::Close, End::Reset] {
        let origin = Origin::script(move |c| {
            c.read_head().expect("a head");
            end.put(c);
        });
        let weir = Weir::before(&origin);
        let mut client = weir.client();
        client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000\r\n\r\nonly this");
        assert_eq!(client.response().status, 502, "{end:?}");
    }
}
