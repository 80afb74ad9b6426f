//! However the bytes are cut into reads, the outcome is the same.

use dialogue::{get, post, post_chunked};
use testkit::{Origin, Request, Response, Weir};

/// An echoed request without what differs between any two requests.
fn settled_request(response: &Response) -> Request {
    let mut echoed = response.echoed();
    echoed.head.fields.retain(|(name, _)| !name.eq_ignore_ascii_case("x-request-id"));
    echoed.raw.clear();
    echoed
}

fn settled_response(mut response: Response) -> Response {
    let varies = ["date", "x-request-id"];
    response.head.fields.retain(|(name, _)| !varies.contains(&name.to_ascii_lowercase().as_str()));
    response
}

fn every_request_split(request: &str) {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    let whole = settled_request(&client.exchange(request));
    for cut in 1..request.len() {
        client.send_pieces([&request[..cut], &request[cut..]]);
        assert_eq!(settled_request(&client.response()), whole, "cut at {cut}");
    }
    client.send_each_byte(request);
    assert_eq!(settled_request(&client.response()), whole, "byte by byte");
    assert_eq!(origin.requests().len(), request.len() + 1);
}

#[test]
fn of_a_get() {
    every_request_split(&get("/path?query=1"));
}

#[test]
fn of_a_counted_upload() {
    every_request_split(&post("/p", "some bytes\r\nof a body"));
}

#[test]
fn of_a_chunked_upload() {
    every_request_split(&post_chunked(
        "4;x=\"\\\"\"\r\nbody\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\n",
    ));
}

#[test]
fn of_two_pipelined_requests() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    let pair = post("/1", "one") + &get("/2");
    for cut in 1..pair.len() {
        let mut client = weir.client();
        client.send_pieces([&pair[..cut], &pair[cut..]]);
        assert_eq!(client.response().echoed().text(), "one", "cut at {cut}");
        assert_eq!(client.response().echoed().target(), "/2", "cut at {cut}");
        client.reset();
    }
}

#[test]
fn of_a_refused_request() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    let bad = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\n\
               Transfer-Encoding: chunked\r\n\r\n";
    for cut in 1..bad.len() {
        let mut client = weir.client();
        client.send_pieces([&bad[..cut], &bad[cut..]]);
        assert_eq!(client.response().status, 400, "cut at {cut}");
    }
    assert_eq!(origin.seen().connections().len(), 0);
}

fn every_response_split(response: &'static str) {
    let origin = Origin::script(move |c| {
        while let Some(request) = c.next_request() {
            match request.target()[1..].parse() {
                Ok(0) => c.send_each_byte(response),
                Ok(cut) => c.send_pieces([&response[..cut], &response[cut..]]),
                Err(_) => drop(c.send(response)),
            }
        }
    });
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    let whole = settled_response(client.get("/whole"));
    assert_eq!((whole.status, whole.text().as_str()), (200, "twelve bytes"));
    for cut in 0..response.len() {
        let got = settled_response(client.get(&format!("/{cut}")));
        assert_eq!(got, whole, "cut at {cut}");
    }
    assert_eq!(origin.seen().connections().len(), 1, "the connection stays good");
}

#[test]
fn of_a_counted_response() {
    every_response_split("HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 12\r\n\r\ntwelve bytes");
}

#[test]
fn of_a_chunked_response() {
    every_response_split(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
         7;e\r\ntwelve \r\n05\r\nbytes\r\n00\r\nX-Sum: 1\r\n\r\n",
    );
}

#[test]
fn of_an_interim_and_a_final_response() {
    every_response_split(
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n\
         HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\ntwelve bytes",
    );
}
