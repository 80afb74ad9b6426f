//! What those find who look for weaknesses: testssl.sh, sslyze and sslscan, by the default policy.

use std::process::Command;

use serde_json::Value;
use testkit::external::{run, tool, venv_tool};
use testkit::{Authority, Setup, Weir};

use crate::scene::{certificate, listen, pair};

/// The default policy with certificates of both kinds.
fn weir() -> Weir {
    let authority = Authority::new();
    let names = ["localhost", "127.0.0.1"];
    let setup = pair(Setup::new(), "ecdsa", &authority.leaf(&names));
    let setup = pair(setup, "rsa", &authority.rsa_leaf(&names));
    let setup = setup.file("root.pem", &authority.pem()).site("hsts");
    listen(setup, &format!("{}\n{}", certificate("ecdsa"), certificate("rsa"))).start()
}

#[test]
fn testssl_finds_nothing_above_low() {
    let weir = weir();
    let file = weir.dir().join("testssl.json");
    let mut command = Command::new(tool("testssl"));
    command.args(["--quiet", "--color", "0", "--warnings", "off", "--ip", "one", "--nodns", "min"]);
    // What the checks of each protocol, cipher, vulnerability and preference cover.
    command.args(["-p", "-s", "-f", "-P", "-U", "--jsonfile"]).arg(&file);
    command.arg("--add-ca").arg(weir.dir().join("root.pem"));
    command.arg(format!("localhost:{}", weir.addr().port()));
    let (_, out, err) = run(&mut command);
    let text = std::fs::read_to_string(&file).unwrap_or_else(|_| {
        panic!("no findings: {}{err}", String::from_utf8_lossy(&out));
    });
    let findings: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    let severity = |found: &Value| found["severity"].as_str().unwrap_or_default().to_owned();
    let bad: Vec<_> = findings
        .iter()
        // The scanner's own openssl may lack what nobody uses here.
        .filter(|found| found["id"] != "engine_problem")
        .filter(|found| {
            ["MEDIUM", "HIGH", "CRITICAL", "FATAL", "WARN"].contains(&&*severity(found))
        })
        .collect();
    assert!(bad.is_empty(), "{bad:#?}");
    let finding = |id: &str| {
        let found = findings.iter().find(|found| found["id"] == id);
        found.and_then(|found| found["finding"].as_str()).unwrap_or_default().to_owned()
    };
    assert!(finding("TLS1_2").starts_with("offered"), "{}", finding("TLS1_2"));
    assert!(finding("TLS1_3").starts_with("offered"), "{}", finding("TLS1_3"));
    assert_eq!(finding("heartbleed").split(',').next(), Some("not vulnerable"));
    assert!(findings.len() > 40, "{}", findings.len());
}

#[test]
fn sslyze_agrees_with_the_policy() {
    let weir = weir();
    let file = weir.dir().join("sslyze.json");
    let mut command = Command::new(venv_tool("sslyze"));
    command.args(["--sslv2", "--sslv3", "--tlsv1", "--tlsv1_1", "--tlsv1_2", "--tlsv1_3"]);
    command.args(["--compression", "--reneg", "--resum", "--fallback", "--heartbleed"]);
    command.args(["--openssl_ccs", "--robot", "--early_data", "--elliptic_curves"]);
    command.arg("--json_out").arg(&file).arg(format!("localhost:{}", weir.addr().port()));
    let (_, out, err) = run(&mut command);
    let text = std::fs::read_to_string(&file).unwrap_or_else(|_| {
        panic!("no findings: {}{err}", String::from_utf8_lossy(&out));
    });
    let all: Value = serde_json::from_str(&text).expect("JSON");
    let found = &all["server_scan_results"][0]["scan_result"];
    let suites = |version: &str| -> Vec<String> {
        let list = &found[format!("{version}_cipher_suites")]["result"]["accepted_cipher_suites"];
        let list = list.as_array().unwrap_or_else(|| panic!("{version}: {found:#}"));
        let name = |suite: &Value| suite["cipher_suite"]["name"].as_str().unwrap_or("").to_owned();
        list.iter().map(name).collect()
    };
    for old in ["ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1"] {
        assert_eq!(suites(old), [""; 0], "{old}");
    }
    let (old, new) = (suites("tls_1_2"), suites("tls_1_3"));
    assert_eq!((old.len(), new.len()), (6, 3), "{old:?} {new:?}");
    for suite in &old {
        assert!(suite.starts_with("TLS_ECDHE_"), "{suite}");
        assert!(suite.contains("_GCM_") || suite.contains("_CHACHA20_"), "{suite}");
    }
    let is = |path: &str| found.pointer(path).and_then(Value::as_bool);
    assert_eq!(is("/heartbleed/result/is_vulnerable_to_heartbleed"), Some(false));
    assert_eq!(is("/openssl_ccs_injection/result/is_vulnerable_to_ccs_injection"), Some(false));
    assert_eq!(is("/tls_compression/result/supports_compression"), Some(false));
    assert_eq!(is("/tls_1_3_early_data/result/supports_early_data"), Some(false));
    let renegotiates = "/session_renegotiation/result/is_vulnerable_to_client_renegotiation_dos";
    assert_eq!(is(renegotiates), Some(false));
    assert_eq!(is("/session_renegotiation/result/supports_secure_renegotiation"), Some(true));
}

#[test]
fn sslscan_sees_two_versions_and_no_weakness() {
    let weir = weir();
    let file = weir.dir().join("sslscan.xml");
    let mut command = Command::new(tool("sslscan"));
    command.args(["--no-colour", &format!("--xml={}", file.display())]);
    let (code, _, err) = run(command.arg(format!("localhost:{}", weir.addr().port())));
    assert_eq!(code, Some(0), "{err}");
    let xml = std::fs::read_to_string(&file).expect("findings");
    let lines = |start: &str| -> Vec<&str> {
        xml.lines().map(str::trim).filter(|line| line.starts_with(start)).collect()
    };
    for protocol in lines("<protocol ") {
        let is_wanted = ["1.2", "1.3"].iter().any(|v| {
            protocol.contains("type=\"tls\"") && protocol.contains(&format!("version=\"{v}\""))
        });
        assert_eq!(protocol.contains("enabled=\"1\""), is_wanted, "{protocol}");
    }
    let ciphers = lines("<cipher ");
    assert!(ciphers.len() >= 6, "{xml}");
    for cipher in ciphers {
        // To sslscan 128 bits are acceptable, 256 strong, and the rest a finding.
        let is_good =
            ["strong", "acceptable"].iter().any(|s| cipher.contains(&format!("=\"{s}\"")));
        assert!(is_good, "{cipher}");
    }
    assert!(lines("<compression ").iter().all(|line| line.contains("supported=\"0\"")), "{xml}");
    assert!(lines("<heartbleed ").iter().all(|line| line.contains("vulnerable=\"0\"")), "{xml}");
    assert!(lines("<fallback ").iter().all(|line| line.contains("supported=\"1\"")), "{xml}");
}
