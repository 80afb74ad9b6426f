//! Who the client is, by a header in front of everything else; and the same said to servers.

use dialogue::get;
use testkit::origin::ok;
use testkit::{Client, Origin, Setup, Weir};

use crate::scene::{Says, Tcp, parrot};

const FROM: &str = "proxy-protocol from=\"127.0.0.0/8\"";

/// Weir that expects the header from everybody here.
fn expecting(origin: &Origin, global: &str) -> Weir {
    Setup::new().listener(FROM).global(global).to(origin).start()
}

/// A header of version 2 for a TCP connection over IPv4.
fn binary(client: [u8; 4], values: &[u8]) -> Vec<u8> {
    let block = [&client[..], &[127, 0, 0, 1, 0x12, 0x34, 0, 80], values].concat();
    let length = u16::try_from(block.len()).expect("short").to_be_bytes();
    [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11"[..], &length, &block].concat()
}

fn line(client: &str) -> String {
    format!("PROXY TCP4 {client} 127.0.0.1 4660 80\r\n")
}

/// What the origin sees of the client.
fn seen(client: &mut Client, header: impl AsRef<[u8]>) -> String {
    client.send(header);
    let echoed = client.exchange(get("/")).echoed();
    echoed.field("x-forwarded-for").unwrap_or_default().to_owned()
}

#[test]
fn the_client_is_whom_the_header_names() {
    let origin = Origin::echo();
    let weir = expecting(&origin, "");
    assert_eq!(seen(&mut weir.client(), line("192.0.2.7")), "192.0.2.7");
    assert_eq!(seen(&mut weir.client(), binary([192, 0, 2, 8], &[])), "192.0.2.8");
    let values = [&[0x02, 0, 6][..], b"a.test", &[0xe0, 0, 0]].concat();
    assert_eq!(seen(&mut weir.client(), binary([192, 0, 2, 9], &values)), "192.0.2.9");
    let six = "PROXY TCP6 2001:db8::7 ::1 1 2\r\n";
    assert_eq!(seen(&mut weir.client(), six), "2001:db8::7");
    // A proxy that checks whether we are well speaks for itself.
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
    assert_eq!(seen(&mut weir.client(), local), "127.0.0.1");
    assert_eq!(seen(&mut weir.client(), "PROXY UNKNOWN\r\n"), "127.0.0.1");
    let clients: Vec<_> = weir.wait_log(6).iter().map(|line| line.text("client")).collect();
    for client in ["192.0.2.7", "192.0.2.8", "192.0.2.9", "2001:db8::7"] {
        assert!(clients.iter().any(|logged| logged == client), "{client}: {clients:?}");
    }
    weir.wait_metrics(|m| m.sum("weir_proxy_protocol_headers_total", &[]) == 6.0);
}

#[test]
fn a_header_may_come_in_any_pieces_and_with_the_request() {
    let origin = Origin::echo();
    let weir = expecting(&origin, "");
    for header in [line("192.0.2.7").into_bytes(), binary([192, 0, 2, 7], &[4, 0, 1, 0])] {
        let mut client = weir.client();
        // What is only looked at stays unread: nothing to wait for between the bytes.
        header.iter().for_each(|byte| _ = client.try_send([*byte]));
        assert_eq!(seen(&mut client, ""), "192.0.2.7");
        let mut client = weir.client();
        let both = [&header[..], get("/").as_bytes()].concat();
        let response = client.exchange(both).echoed();
        assert_eq!(response.field("x-forwarded-for"), Some("192.0.2.7"));
    }
}

#[test]
fn a_connection_without_its_header_is_closed_and_the_reason_counted() {
    let origin = Origin::echo();
    let weir = expecting(&origin, "");
    let broken: [(&str, Vec<u8>); 6] = [
        ("proxy_header_missing", get("/").into()),
        ("proxy_header_line", "PROXY TCP4 1.2.3.4 5.6.7 1 2\r\n".into()),
        ("proxy_header_version", b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\0".to_vec()),
        ("proxy_header_family", b"\r\n\r\n\0\r\nQUIT\n\x21\x12\0\0".to_vec()),
        ("proxy_header_values", binary([1, 2, 3, 4], &[1])),
        ("proxy_header_long", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff".to_vec()),
    ];
    for (reason, bytes) in broken {
        let mut client = weir.client();
        client.send(bytes);
        assert_eq!(client.everything(), "", "{reason}");
        weir.wait_metrics(|m| m.sum("weir_refusals_total", &[reason]) == 1.0);
    }
    weir.wait_metrics(|m| m.sum("weir_faults_total", &["proxy_header_error"]) == 6.0);
    assert!(origin.requests().is_empty());
    assert!(weir.wait_log(6).iter().all(|line| line.text("client") == "127.0.0.1"));
}

#[test]
fn a_slow_header_is_not_waited_for_for_ever() {
    let origin = Origin::echo();
    let weir = expecting(&origin, "timeouts request-header=\"300ms\"");
    for begun in ["", "PROXY TCP4 1."] {
        let mut client = weir.client();
        client.send(begun);
        assert_eq!(client.everything(), "");
    }
    weir.wait_metrics(|m| m.sum("weir_timeouts_total", &["request-header"]) == 2.0);
    // One that leaves in between is nobody's fault.
    let mut client = weir.client();
    client.send("PROXY");
    drop(client);
    weir.wait_metrics(|m| m.sum("weir_connections_open", &[]) == 0.0);
}

#[test]
fn others_are_taken_as_they_are() {
    let origin = Origin::echo();
    let from = "proxy-protocol from=\"10.0.0.0/8\" \"unix\"";
    let weir = Setup::new().listener(from).to(&origin).start();
    assert_eq!(seen(&mut weir.client(), ""), "127.0.0.1");
    let mut liar = weir.client();
    liar.send(line("192.0.2.7"));
    assert_eq!(liar.exchange(get("/")).status, 400);
}

#[test]
fn a_client_is_limited_and_not_the_proxy() {
    let origin = Origin::echo();
    let weir = expecting(&origin, "limits connections-per-client-max=2");
    let mut open: Vec<_> = (0..2).map(|_| weir.client()).collect();
    for client in &mut open {
        assert_eq!(seen(client, line("192.0.2.7")), "192.0.2.7");
    }
    let mut third = weir.client();
    third.send(line("192.0.2.7"));
    assert_eq!(third.everything(), "");
    assert_eq!(seen(&mut weir.client(), line("192.0.2.8")), "192.0.2.8");
    let name = "connections-per-client-max";
    weir.wait_metrics(|m| m.sum("weir_limits_hit_total", &[name]) == 1.0);
    drop(open);
    // The gauge of open ones is set by rounds; the counter is exact at any moment.
    weir.wait_metrics(|m| m.sum("weir_connections_closed_total", &[]) == 4.0);
    assert_eq!(seen(&mut weir.client(), line("192.0.2.7")), "192.0.2.7");
}

/// An origin that expects a line of the header and answers each request with it.
fn reading_a_line() -> Origin {
    Origin::script(|c| {
        let line = c.read_until(b"\r\n").expect("a header");
        while c.next_request().is_some() {
            c.send(ok(&line));
        }
    })
}

#[test]
fn servers_are_told_the_client_and_share_no_connections() {
    let origin = reading_a_line();
    let weir = Setup::new().to(&origin).upstream("proxy-protocol \"v1\"").start();
    let mut client = weir.client();
    let (ours, theirs) = client.sock().addrs().expect("TCP");
    let expected = format!("PROXY TCP4 127.0.0.1 127.0.0.1 {} {}\r\n", ours.port(), theirs.port());
    for _ in 0..3 {
        assert_eq!(client.get("/").text(), expected);
    }
    assert_eq!(origin.seen().connections().len(), 3);
    weir.wait_metrics(|m| m.sum("weir_pool_idle", &[]) == 0.0);
}

#[test]
fn servers_are_told_whom_a_trusted_proxy_names() {
    let origin = reading_a_line();
    let trust = "trusted-proxies \"127.0.0.0/8\"";
    let weir = Setup::new().to(&origin).upstream("proxy-protocol \"v1\"").global(trust).start();
    let ask = dialogue::with_fields("X-Forwarded-For: 192.0.2.99\r\n");
    let told = weir.client().exchange(ask).text();
    assert!(told.starts_with("PROXY TCP4 192.0.2.99 127.0.0.1 0 "), "{told}");
}

#[test]
fn a_name_goes_through_two_weirs() {
    let origin = parrot();
    let last = Tcp::before(&origin).listener(FROM).start();
    let server = last.addr().to_string();
    for version in ["v1", "v2"] {
        let tell = format!("proxy-protocol \"{version}\"");
        let first = Tcp::default().server(&server).listener(FROM).upstream(&tell).start();
        let mut client = first.client();
        client.send(line("192.0.2.7"));
        client.says("x", "x");
    }
    let log = last.wait_log(2);
    assert!(log.iter().all(|line| line.text("client") == "192.0.2.7"), "{log:?}");
    assert_eq!(origin.seen().connections(), [b"x", b"x"]);
}
