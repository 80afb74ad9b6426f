//! The Autobahn WebSocket suite gives the same verdicts through Weir as it gives directly.
//!
//! It needs Python 2.7; where `cargo xtask setup` found none, this says so and does nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::{External, Setup};

/// Compression (12, 13) is between the two ends and costs minutes; the rest is a minute.
const SPEC: &str = r#"{
    "outdir": "$DIR/reports",
    "servers": [
        {"agent": "direct", "url": "ws://$DIRECT"},
        {"agent": "weir", "url": "ws://$WEIR"}
    ],
    "cases": ["*"],
    "exclude-cases": ["12.*", "13.*"],
    "exclude-agent-cases": {}
}"#;

fn wstest() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/py27/wstest");
    path.exists().then_some(path)
}

/// Case to verdicts, of one agent of the report. Whether a server that drops a bad connection is
/// NON-STRICT or OK hangs on how fast its last echo got out (cases 3.*), so both count as OK.
fn verdicts(report: &serde_json::Value, agent: &str) -> BTreeMap<String, String> {
    let cases = report[agent].as_object().expect("cases");
    let verdict =
        |case: &serde_json::Value| format!("{} {}", case["behavior"], case["behaviorClose"]);
    let settled = |case| verdict(case).replace("NON-STRICT", "OK");
    cases.iter().map(|(name, case)| (name.clone(), settled(case))).collect()
}

#[test]
fn verdicts_are_the_same_as_without_weir() {
    let Some(wstest) = wstest() else {
        println!("skipped: no Python 2.7 for the suite; see `cargo xtask setup`");
        return;
    };
    let dir = tempfile::tempdir().expect("a directory");
    let addr = testkit::port::free_addr();
    let mut server = Command::new(&wstest);
    server.args(["-m", "echoserver", "-u", "0", "-w"]).arg(format!("ws://{addr}"));
    let echo = External::listening(server, tempfile::tempdir().expect("a directory"), addr);
    // The suite's server wants to see its own port in Host.
    let weir = Setup::whole(&format!(
        "listen \"$LISTEN\"\nadmin \"$ADMIN\"\nupstream \"echo\" {{ server \"{}\"; }}\n\
         site {{ route \"/*\" {{ proxy \"echo\" {{ host \"upstream\"; }}; }}; }}\n",
        echo.server()
    ))
    .start();
    let spec = SPEC
        .replace("$DIRECT", &echo.server())
        .replace("$WEIR", &weir.addr().to_string())
        .replace("$DIR", &dir.path().display().to_string());
    let file = dir.path().join("spec.json");
    std::fs::write(&file, spec).expect("a file");
    let mut fuzzer = Command::new(&wstest);
    fuzzer.args(["-m", "fuzzingclient", "-s"]).arg(&file).current_dir(dir.path());
    let (code, _, err) = testkit::external::run(&mut fuzzer);
    assert_eq!(code, Some(0), "{err}");
    let report = std::fs::read_to_string(dir.path().join("reports/index.json")).expect("a report");
    let report = serde_json::from_str(&report).expect("JSON");
    let (direct, through) = (verdicts(&report, "direct"), verdicts(&report, "weir"));
    assert!(direct.len() > 200, "{} cases", direct.len());
    let pairs = direct.iter().map(|(name, verdict)| (name, verdict, through.get(name)));
    let differ: Vec<_> = pairs.filter(|(_, one, other)| *other != Some(*one)).collect();
    assert!(differ.is_empty(), "{} differ, e.g. {:?}", differ.len(), &differ[..1]);
}
