//! Certificates that lie in a directory until somebody asks for them.

use testkit::{Authority, Setup, TlsClient};

use crate::scene::{certificate, listen, pair, s_client, shows};

#[test]
fn loaded_when_asked_for() {
    let authority = Authority::new();
    let mut setup = Setup::new();
    let leaves: Vec<_> = (0..30).map(|i| authority.leaf(&[&format!("n{i}.test")])).collect();
    for (i, leaf) in leaves.iter().enumerate() {
        setup = pair(setup, &format!("certs/n{i}.test"), leaf);
    }
    let wild = authority.leaf(&["*.wild.test"]);
    // The key may be in the certificate's own file.
    setup = setup.file("certs/_.wild.test.pem", &wild.both());
    setup = setup.file("certs/broken.test.pem", "nothing").file("secret.test.pem", &wild.both());
    let weir = listen(setup, "certificates \"certs\" loaded-max=8").start();
    let client = TlsClient::trusting(&authority);
    for _ in 0..2 {
        for (i, leaf) in leaves.iter().enumerate() {
            let client = client.clone().name(&format!("n{i}.test"));
            assert_eq!(client.shake(weir.addr()).expect("a handshake").1.chain[0], leaf.der);
        }
    }
    for name in ["x.wild.test", "y.wild.test", "X.WILD.test"] {
        assert!(shows(&s_client(weir.addr(), &["-servername", name]), &wild), "{name}");
    }
    for name in ["none.test", "wild.test", "x.y.wild.test", "broken.test", "../secret.test"] {
        let printed = s_client(weir.addr(), &["-servername", name]);
        assert!(!printed.contains("BEGIN CERTIFICATE"), "{name}: {printed}");
    }
    assert!(!s_client(weir.addr(), &["-noservername"]).contains("BEGIN CERTIFICATE"));
    assert!(weir.stderr().iter().any(|line| line.contains("broken.test.pem")));
}

#[test]
fn new_ones_are_found_and_changed_ones_replaced() {
    let authority = Authority::new();
    let (default, old) = (authority.leaf(&["default.test"]), authority.leaf(&["a.test"]));
    let setup = pair(Setup::new(), "default", &default);
    let setup = pair(setup, "certs/a.test", &old);
    let tls = format!("{}\ncertificates \"certs\"", certificate("default"));
    let weir = listen(setup, &tls).start();
    let shown = |name: &str, leaf| shows(&s_client(weir.addr(), &["-servername", name]), leaf);
    assert!(shown("a.test", &old) && shown("b.test", &default));
    let (next, fresh) = (authority.leaf(&["a.test"]), authority.leaf(&["b.test"]));
    let write = |name: &str, text: &str| {
        std::fs::write(weir.dir().join("certs").join(name), text).expect("a file");
    };
    write("a.test.pem", &next.pem);
    write("a.test.key", &next.key);
    write("b.test.key", &fresh.key);
    write("b.test.pem", &fresh.pem);
    let until = std::time::Instant::now() + testkit::PATIENCE;
    while !(shown("a.test", &next) && shown("b.test", &fresh)) {
        assert!(std::time::Instant::now() < until, "{:#?}", weir.stderr());
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}
