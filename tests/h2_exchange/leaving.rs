//! Clients that leave while the origin is quiet.

use testkit::{Gate, Origin, Weir, Wire};

use crate::frame::{DATA, GET, HEADERS, PREFACE, RST_STREAM, SETTINGS, frame, read_until};

/// Begins a response that never ends, and passes the gate once Weir has left.
fn quiet_origin(left: &Gate) -> Origin {
    let left = left.clone();
    Origin::script(move |c| {
        c.request();
        c.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
        if c.read_to_end().is_ok() {
            left.open();
        }
    })
}

/// A stream that has got the first byte of its response.
fn begun(weir: &Weir) -> Wire {
    let mut wire = weir.client().into_wire();
    wire.send([PREFACE, &frame(SETTINGS, 0, 0, b""), &frame(HEADERS, 5, 1, GET)].concat());
    read_until(&mut wire, |frame| frame.kind == DATA).expect("the first byte");
    wire
}

#[test]
fn an_origin_is_left_when_the_client_resets_its_stream() {
    let left = Gate::default();
    let origin = quiet_origin(&left);
    let weir = Weir::before(&origin);
    let mut wire = begun(&weir);
    wire.send(frame(RST_STREAM, 0, 1, &8_u32.to_be_bytes()));
    left.pass();
}

#[test]
fn an_origin_is_left_when_the_client_closes_its_connection() {
    let left = Gate::default();
    let origin = quiet_origin(&left);
    let weir = Weir::before(&origin);
    begun(&weir).close();
    left.pass();
}
