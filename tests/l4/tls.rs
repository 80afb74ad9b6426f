//! TLS on either side of raw bytes.

use testkit::tls::Secured;
use testkit::{Authority, Origin, TlsClient};

use crate::scene::{Says, Tcp, parrot};

fn certified(tcp: Tcp, authority: &Authority) -> testkit::Setup {
    let leaf = authority.leaf(&["a.test"]);
    let tls = "tls { certificate \"leaf.pem\" key=\"leaf.key\"; }";
    tcp.listener(tls).setup().file("leaf.pem", &leaf.pem).file("leaf.key", &leaf.key)
}

#[test]
fn a_listener_may_be_encrypted() {
    let (origin, authority) = (parrot(), Authority::new());
    let weir = certified(Tcp::before(&origin), &authority).start();
    // What is spoken inside is not known, so nothing is agreed upon.
    let client = TlsClient::trusting(&authority).alpn(&["postgresql", "h2"]);
    let (mut client, shaken) = client.shake(weir.addr()).expect("a handshake");
    assert_eq!(shaken.alpn, None);
    client.says("secret", "secret");
    client.sock_mut().tls().map(Secured::say_farewell);
    client.expect_closed();
    let line = weir.wait_log(1).remove(0);
    assert_eq!((line.text("protocol"), line.text("host")), ("TLS".into(), "a.test".into()));
    assert_eq!((line.text("bytes_in"), line.text("reason")), ("6".into(), String::new()));
}

#[test]
fn servers_may_be_encrypted() {
    let authority = Authority::new();
    let origin = Origin::secured(authority.leaf(&["127.0.0.1"]), |c| {
        while let Ok(bytes) = c.read_some() {
            c.send(bytes);
        }
        c.sock_mut().tls().map(Secured::say_farewell);
    });
    let tcp = Tcp::before(&origin).upstream("tls ca=\"root.pem\"");
    let weir = tcp.setup().file("root.pem", &authority.pem()).start();
    let mut client = weir.client();
    client.says("secret", "secret");
    client.half_close();
    assert_eq!(client.read_to_end().expect("an orderly end"), b"");
    let stranger = Tcp::before(&origin).upstream("tls").start();
    assert_eq!(stranger.client().everything(), "");
    assert_eq!(stranger.wait_log(1)[0].text("reason"), "certificate_unknown_issuer");
}

#[test]
fn a_server_that_does_not_shake_hands_is_given_up_in_time() {
    let origin = Origin::deaf();
    let upstream = "timeouts connect=\"300ms\"\ntls verify=#false";
    let weir = Tcp::before(&origin).upstream(upstream).start();
    assert_eq!(weir.client().everything(), "");
    let line = weir.wait_log(1).remove(0);
    assert_eq!((line.text("reason"), line.status()), ("connection_timeout".into(), 504));
}
