//! Certificates of clients: who gets in, and what origins are told of them.

use testkit::{Authority, Leaf, Origin, Setup, TlsClient, Weir};

use crate::scene::{NAMES, certificate, listen, pair, s_client};

/// Weir before an echo, asking for certificates of `clients`.
struct Door {
    servers: Authority,
    clients: Authority,
    weir: Weir,
    origin: Origin,
}

impl Door {
    fn new(auth: &str) -> Self {
        Self::with(auth, Authority::named("clients"), Setup::new())
    }

    fn with(auth: &str, clients: Authority, setup: Setup) -> Self {
        let (servers, origin) = (Authority::new(), Origin::echo());
        let setup = pair(setup.to(&origin), "leaf", &servers.leaf(&NAMES));
        let setup = setup.file("clients.pem", &clients.pem());
        let weir = listen(setup, &format!("{}\nclient-auth {auth}", certificate("leaf"))).start();
        Self { servers, clients, weir, origin }
    }

    /// What a GET by a client with this identity comes to: the status, or nothing.
    fn status(&self, version: &str, identity: Option<&Leaf>) -> Option<u16> {
        let client = TlsClient::with(&self.servers, version, identity);
        // In TLS 1.3 the client is done before it learns that it was refused.
        let (mut connection, _) = client.shake(self.weir.addr()).ok()?;
        connection.ask("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        match connection.outcome() {
            testkit::Outcome::Whole(response) => Some(response.status),
            testkit::Outcome::Cut(_) => None,
            other => panic!("{other:?}"),
        }
    }

    /// The fields of that name which the origin got with these request fields.
    fn told(&self, identity: Option<&Leaf>, fields: &str, name: &str) -> Vec<String> {
        let client = TlsClient::with(&self.servers, "", identity);
        let ask = format!("GET / HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n");
        assert_eq!(client.connect(self.weir.addr()).exchange(ask).status, 200);
        let seen = self.origin.seen().last();
        seen.head.all(name).into_iter().map(str::to_owned).collect()
    }
}

/// A certificate as RFC 9440 §2.2 writes it, made by Python.
fn item(der: &[u8]) -> String {
    let list: Vec<String> = der.iter().map(u8::to_string).collect();
    let program =
        format!("import base64; print(base64.b64encode(bytes([{}])).decode())", list.join(","));
    let mut command = std::process::Command::new(testkit::external::tool("python3"));
    let (code, out, err) = testkit::external::run(command.args(["-c", &program]));
    assert_eq!(code, Some(0), "{err}");
    format!(":{}:", String::from_utf8(out).expect("text").trim())
}

#[test]
fn required_lets_in_who_can_prove_it() {
    let door = Door::new("\"required\" ca=\"clients.pem\"");
    let (ours, theirs) =
        (door.clients.client("alice"), Authority::named("clients").client("alice"));
    let expired = door.clients.dated_leaf(&["alice"], -9..-2);
    for version in ["1.2", "1.3"] {
        assert_eq!(door.status(version, Some(&ours)), Some(200), "{version}");
        assert_eq!(door.status(version, None), None, "{version}: none");
        assert_eq!(door.status(version, Some(&theirs)), None, "{version}: of another authority");
        assert_eq!(door.status(version, Some(&expired)), None, "{version}: expired");
    }
    let log = door.weir.wait_log(8);
    let refused = log.iter().filter(|line| line.mentions("tls_handshake_failed")).count();
    assert_eq!((log.len(), refused), (8, 6), "{log:#?}");
    assert_eq!(door.origin.requests().len(), 2);
}

#[test]
fn optional_lets_in_who_has_none_but_no_impostor() {
    let door = Door::new("\"optional\" ca=\"clients.pem\"");
    let (ours, theirs) =
        (door.clients.client("alice"), Authority::named("clients").client("alice"));
    for version in ["1.2", "1.3"] {
        assert_eq!(door.status(version, Some(&ours)), Some(200));
        assert_eq!(door.status(version, None), Some(200));
        assert_eq!(door.status(version, Some(&theirs)), None, "{version}");
    }
    assert_eq!(door.told(None, "", "client-cert"), [""; 0]);
    assert_eq!(door.told(Some(&ours), "", "client-cert"), [item(&ours.der)]);
}

#[test]
fn none_asks_for_nothing() {
    let door = Door::new("\"none\"");
    let identity = door.clients.client("alice");
    assert_eq!(door.told(Some(&identity), "", "client-cert"), [""; 0]);
    let printed = s_client(door.weir.addr(), &[]);
    assert!(printed.contains("No client certificate CA names sent"), "{printed}");
    let asking = Door::new("\"optional\" ca=\"clients.pem\"");
    let printed = s_client(asking.weir.addr(), &[]);
    assert!(printed.contains("Acceptable client certificate CA names"), "{printed}");
}

#[test]
fn the_revoked_stay_out() {
    let clients = Authority::named("clients");
    let (good, bad) = (clients.client("good"), clients.client("bad"));
    let list = clients.revoke(&[&bad]);
    let setup = Setup::new().file("list.pem", &list);
    let auth = "\"required\" ca=\"clients.pem\" crl=\"list.pem\"";
    let door = Door::with(auth, clients, setup);
    for version in ["1.2", "1.3"] {
        assert_eq!(door.status(version, Some(&good)), Some(200));
        assert_eq!(door.status(version, Some(&bad)), None);
    }
}

#[test]
fn certificate_and_chain_go_to_the_origin() {
    let door = Door::new("\"required\" ca=\"clients.pem\" chain-header=\"Client-Cert-Chain\"");
    let between = door.clients.intermediate("between");
    let identity = between.client("alice");
    assert_eq!(door.told(Some(&identity), "", "client-cert"), [item(&identity.der)]);
    assert_eq!(door.told(Some(&identity), "", "client-cert-chain"), [item(&between.der())]);
    let direct = door.clients.client("bob");
    assert_eq!(door.told(Some(&direct), "", "client-cert-chain"), [""; 0]);
}

#[test]
fn what_clients_claim_is_dropped() {
    let fake = "Client-Cert: :AAAA:\r\nclient-cert: :BBBB:\r\nClient-Cert-Chain: :CCCC:\r\n";
    for auth in ["\"none\"", "\"optional\" ca=\"clients.pem\""] {
        let door = Door::new(auth);
        assert_eq!(door.told(None, fake, "client-cert"), [""; 0], "{auth}");
        assert_eq!(door.told(None, fake, "client-cert-chain"), [""; 0], "{auth}");
    }
    let door = Door::new("\"required\" ca=\"clients.pem\"");
    let identity = door.clients.client("alice");
    assert_eq!(door.told(Some(&identity), fake, "client-cert"), [item(&identity.der)]);
    assert_eq!(door.told(Some(&identity), fake, "client-cert-chain"), [""; 0]);
}

#[test]
fn what_clients_claim_is_dropped_without_tls() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    let fields = "Client-Cert: :AAAA:\r\nClient-Cert-Chain: :CCCC:\r\n";
    weir.client().exchange(dialogue::with_fields(fields));
    let seen = origin.seen().last();
    assert_eq!((seen.field("client-cert"), seen.field("client-cert-chain")), (None, None));
}

#[test]
fn fields_of_ones_own_choice_cannot_be_claimed_either() {
    let auth = "\"optional\" ca=\"clients.pem\" header=\"X-Who\" chain-header=\"X-Chain\"";
    let door = Door::new(auth);
    let identity = door.clients.intermediate("between").client("alice");
    let fake = "X-Who: :AAAA:\r\nx-chain: :BBBB:\r\n";
    assert_eq!(door.told(Some(&identity), fake, "x-who"), [item(&identity.der)]);
    assert_eq!(door.told(Some(&identity), fake, "x-chain").len(), 1);
    assert_eq!(door.told(None, fake, "x-who"), [""; 0]);
    assert_eq!(door.told(None, fake, "x-chain"), [""; 0]);
}

#[test]
fn the_facts_are_placeholders() {
    let names = ["version", "cipher", "alpn", "sni", "client.subject", "client.serial"];
    let value: Vec<_> = names.iter().map(|name| format!("{{tls.{name}}}")).collect();
    let all = format!("{}|{{tls.client.fingerprint}}|{{scheme}}", value.join("|"));
    let route = format!("request-headers {{ set \"X-Tls\" \"{all}\"; }}");
    let clients = Authority::named("clients");
    let identity = clients.client("alice");
    let auth = "\"optional\" ca=\"clients.pem\"";
    let door = Door::with(auth, clients, Setup::new().route(&route));
    let fingerprint = {
        let file = door.weir.dir().join("alice.pem");
        std::fs::write(&file, &identity.pem).expect("a file");
        let mut command = std::process::Command::new(testkit::external::tool("openssl"));
        command.args(["x509", "-noout", "-fingerprint", "-sha256", "-in"]).arg(file);
        let (_, out, _) = testkit::external::run(&mut command);
        let text = String::from_utf8(out).expect("text");
        text.trim().split_once('=').expect("one").1.replace(':', "").to_lowercase()
    };
    let told = door.told(Some(&identity), "", "x-tls").concat();
    let serial = identity.serial();
    let want =
        format!("TLSv1.3|TLS13_AES_256_GCM_SHA384||a.test|CN=alice|{serial}|{fingerprint}|https");
    assert_eq!(told.to_lowercase(), want.to_lowercase());
    let client = TlsClient::with(&door.servers, "1.2", None).alpn(&["http/1.1"]);
    client.connect(door.weir.addr()).get("/");
    let told = door.origin.seen().last().field("x-tls").map(str::to_owned).unwrap_or_default();
    assert!(told.starts_with("TLSv1.2|TLS_ECDHE_ECDSA_WITH_"), "{told}");
    assert!(told.ends_with("|http/1.1|a.test||||https"), "{told}");
}
