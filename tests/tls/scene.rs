//! What the dialogues over TLS share: a listener with a certificate, and foreign clients.

use std::net::SocketAddr;
use std::process::Command;

use testkit::external::{run, tool};
use testkit::{Authority, Leaf, Setup, TlsClient, Weir};

/// The names that most certificates here are for.
pub const NAMES: [&str; 3] = ["a.test", "localhost", "127.0.0.1"];

/// Weir with a certificate, and a client that trusts it.
pub struct Scene {
    pub authority: Authority,
    pub leaf: Leaf,
    pub weir: Weir,
    pub client: TlsClient,
}

impl Scene {
    /// Encrypts the listener of `setup`; `tls` are further nodes there.
    pub fn new(setup: Setup, tls: &str) -> Self {
        let authority = Authority::new();
        let leaf = authority.leaf(&NAMES);
        let setup = pair(setup, "leaf", &leaf).file("root.pem", &authority.pem());
        let weir = listen(setup, &format!("{}\n{tls}", certificate("leaf"))).start();
        let client = TlsClient::trusting(&authority);
        Self { authority, leaf, weir, client }
    }

    /// The authority as a file.
    pub fn root(&self) -> String {
        self.weir.dir().join("root.pem").display().to_string()
    }

    /// curl over TLS with these arguments; what it printed.
    pub fn curl(&self, args: &[&str], path: &str) -> String {
        let (code, out, err) = self.try_curl(args, path);
        assert_eq!(code, Some(0), "curl {args:?} {path}: {err}");
        out
    }

    /// As [`Scene::curl`], with its exit code and what it complains of.
    pub fn try_curl(&self, args: &[&str], path: &str) -> (Option<i32>, String, String) {
        let mut command = Command::new(tool("curl"));
        command.args(["-sS", "--max-time", "20", "--cacert", &self.root()]).args(args);
        command.arg(format!("https://localhost:{}{path}", self.weir.addr().port()));
        let (code, out, err) = run(&mut command);
        (code, String::from_utf8_lossy(&out).into_owned(), err)
    }
}

/// Writes a pair as `STEM.pem` and `STEM.key`.
pub fn pair(setup: Setup, stem: &str, leaf: &Leaf) -> Setup {
    setup.file(&format!("{stem}.pem"), &leaf.pem).file(&format!("{stem}.key"), &leaf.key)
}

/// The node that names that pair.
pub fn certificate(stem: &str) -> String {
    format!("certificate \"{stem}.pem\" key=\"{stem}.key\"")
}

/// Encrypts the listener by these nodes.
pub fn listen(setup: Setup, tls: &str) -> Setup {
    setup.listener(&format!("tls {{\n{tls}\n}}"))
}

/// `openssl s_client` to its end, with an empty stdin: everything it printed.
pub fn s_client(addr: SocketAddr, args: &[&str]) -> String {
    let mut command = Command::new(tool("openssl"));
    command.args(["s_client", "-connect", &addr.to_string()]).args(args);
    let (_, out, err) = run(&mut command);
    format!("{}{err}", String::from_utf8_lossy(&out))
}

/// Whether what `s_client` printed shows this certificate first.
pub fn shows(printed: &str, leaf: &Leaf) -> bool {
    let first = |text: &str| {
        let from = text.split_once("-----BEGIN CERTIFICATE-----")?.1;
        let body = from.split_once("-----END CERTIFICATE-----")?.0;
        Some(body.split_whitespace().collect::<String>())
    };
    first(printed).is_some() && first(printed) == first(&leaf.pem)
}
