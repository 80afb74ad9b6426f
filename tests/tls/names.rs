//! Which certificate a client is shown by the name that it asks for.

use testkit::{Authority, Setup, TlsClient, Weir};

use crate::scene::{certificate, listen, pair, s_client, shows};

/// Three certificates in this order, and what else the listener says.
fn weir(authority: &Authority, more: &str) -> (Weir, [testkit::Leaf; 3]) {
    let leaves = [&["first.test"][..], &["b.test", "x.wild.test"], &["*.wild.test"]];
    let leaves = leaves.map(|names| authority.leaf(names));
    let mut setup = Setup::new();
    let mut tls = more.to_owned();
    for (stem, leaf) in ["one", "two", "three"].iter().zip(&leaves) {
        setup = pair(setup, stem, leaf);
        tls = format!("{tls}\n{}", certificate(stem));
    }
    (listen(setup, &tls).start(), leaves)
}

#[test]
fn exact_names_go_before_wildcards_and_these_stand_for_one_label() {
    let authority = Authority::new();
    let (weir, [first, exact, wild]) = weir(&authority, "");
    let asked = [
        ("first.test", &first),
        ("b.test", &exact),
        ("B.TEST", &exact),
        ("x.wild.test", &exact),
        ("y.wild.test", &wild),
        // Nobody has these, and the first certificate is the default.
        ("x.y.wild.test", &first),
        ("wild.test", &first),
        ("c.test", &first),
    ];
    for (name, leaf) in asked {
        let printed = s_client(weir.addr(), &["-servername", name]);
        assert!(shows(&printed, leaf), "{name}: {printed}");
    }
    assert!(shows(&s_client(weir.addr(), &["-noservername"]), &first));
}

#[test]
fn a_client_verifies_what_it_is_shown() {
    let authority = Authority::new();
    let (weir, _) = weir(&authority, "");
    let client = TlsClient::trusting(&authority);
    for name in ["first.test", "b.test", "x.wild.test", "y.wild.test"] {
        let ask = format!("GET / HTTP/1.1\r\nHost: {name}\r\n\r\n");
        assert_eq!(client.clone().name(name).connect(weir.addr()).exchange(ask).status, 200);
    }
    let refused = client.name("c.test").shake(weir.addr());
    assert!(refused.is_err_and(|why| why.contains("certificate")), "the default is for another");
}

#[test]
fn unknown_names_are_refused_by_an_alert_where_that_is_wanted() {
    let authority = Authority::new();
    let (weir, [first, exact, _]) = weir(&authority, "unknown-name \"refuse\"");
    assert!(shows(&s_client(weir.addr(), &["-servername", "b.test"]), &exact));
    for name in ["c.test", "x.y.wild.test"] {
        let printed = s_client(weir.addr(), &["-servername", name]);
        assert!(!printed.contains("BEGIN CERTIFICATE"), "{name}: {printed}");
        assert!(printed.contains("alert"), "{name}: {printed}");
    }
    // Who asks for nothing, as by address, is still served.
    assert!(shows(&s_client(weir.addr(), &["-noservername"]), &first));
    let log = weir.wait_log(2);
    assert!(log.iter().all(|line| line.mentions("tls_handshake_failed")), "{log:#?}");
}

#[test]
fn keys_of_two_kinds_stand_side_by_side() {
    let authority = Authority::new();
    let (rsa, ecdsa) = (authority.rsa_leaf(&["a.test"]), authority.leaf(&["a.test"]));
    let setup = pair(pair(Setup::new(), "rsa", &rsa), "ecdsa", &ecdsa);
    let weir = listen(setup, &format!("{}\n{}", certificate("rsa"), certificate("ecdsa"))).start();
    let only = |args: &[&str]| s_client(weir.addr(), &[&["-servername", "a.test"], args].concat());
    for version in ["-tls1_2", "-tls1_3"] {
        let able = only(&[version]);
        assert!(shows(&able, &ecdsa), "the quick one for who can: {able}");
        let old = only(&[version, "-sigalgs", "RSA-PSS+SHA256:RSA+SHA256"]);
        assert!(shows(&old, &rsa), "{old}");
        let new = only(&[version, "-sigalgs", "ECDSA+SHA256"]);
        assert!(shows(&new, &ecdsa), "{new}");
    }
    // The default certificate has its sibling, too.
    let old = s_client(weir.addr(), &["-noservername", "-sigalgs", "RSA-PSS+SHA256"]);
    assert!(shows(&old, &rsa), "{old}");
}

#[test]
fn the_chain_is_sent_whole() {
    let authority = Authority::new();
    let between = authority.intermediate("between");
    let leaf = between.leaf(&["a.test"]);
    let weir = listen(pair(Setup::new(), "leaf", &leaf), &certificate("leaf")).start();
    let (mut client, shaken) = TlsClient::trusting(&authority).shake(weir.addr()).expect("trusted");
    assert_eq!(shaken.chain, [leaf.der, between.der()]);
    client.expect_alive("/");
}

#[test]
fn keys_in_every_form_and_in_the_file_of_the_certificate() {
    let authority = Authority::new();
    let (ecdsa, rsa) = (authority.leaf(&["a.test"]), authority.rsa_leaf(&["a.test"]));
    let convert = |key: &str, kind: &str| {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("in.key");
        std::fs::write(&file, key).expect("a key");
        let mut command = std::process::Command::new(testkit::external::tool("openssl"));
        let (code, out, err) =
            testkit::external::run(command.args([kind, "-in"]).arg(&file).args(if kind == "rsa" {
                &["-traditional"][..]
            } else {
                &[]
            }));
        assert_eq!(code, Some(0), "{err}");
        String::from_utf8(out).expect("PEM")
    };
    let (sec1, pkcs1) = (convert(&ecdsa.key, "ec"), convert(&rsa.key, "rsa"));
    assert!(sec1.contains("BEGIN EC PRIVATE KEY") && pkcs1.contains("BEGIN RSA PRIVATE KEY"));
    for (leaf, key) in [(&ecdsa, &ecdsa.key), (&ecdsa, &sec1), (&rsa, &rsa.key), (&rsa, &pkcs1)] {
        let setup = Setup::new().file("both.pem", &format!("{key}{}", leaf.pem));
        let weir = listen(setup, "certificate \"both.pem\"").start();
        TlsClient::trusting(&authority).connect(weir.addr()).expect_alive("/");
    }
}
