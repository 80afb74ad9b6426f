//! WebSocket client and server of the PyPI package `websockets`, with Weir between them.

use testkit::external::{python_script, run};
use testkit::{External, Setup};

#[test]
fn messages_of_all_sizes_pings_and_closes_pass() {
    let origin = External::script("ws_echo.py", &[]);
    let weir = Setup::new().server(&origin.server()).start();
    let mut client = python_script("ws_client.py");
    client.arg(format!("ws://{}/chat", weir.addr()));
    let (code, out, err) = run(&mut client);
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(String::from_utf8_lossy(&out), "all echoed\n");
    let log = weir.wait_log(1);
    assert!(log.iter().all(|line| line.status() == 101), "{log:?}");
    weir.wait_metrics(|m| m.sum("weir_tunnels_open", &[]) == 0.0);
}
