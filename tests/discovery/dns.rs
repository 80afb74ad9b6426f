//! Names of servers, followed by a real name server.

use testkit::{Setup, Weir};

use crate::dnsmasq::{NameServer, origins};
use crate::load::Load;

const ADDRESSES: [&str; 3] = ["127.0.0.2", "127.0.0.3", "127.0.0.4"];

fn servers(weir: &Weir, count: f64) {
    weir.wait_metrics(|m| m.sum("weir_upstream_servers", &[]) == count);
}

#[test]
fn every_address_is_a_server_and_changes_are_followed_under_load() {
    let (port, origins) = origins(&ADDRESSES);
    let mut names = NameServer::start(&[("127.0.0.2", "app.test"), ("127.0.0.3", "app.test")], &[]);
    let setup = Setup::new().global(&names.resolver()).server(&format!("app.test:{port}"));
    let weir = setup.upstream("balance \"round-robin\"").start();
    servers(&weir, 2.0);
    let load = Load::on(&weir, 4);
    load.wait(200);
    assert!(!origins[0].requests().is_empty() && !origins[1].requests().is_empty());
    names.say(&[("127.0.0.3", "app.test"), ("127.0.0.4", "app.test")]);
    origins[2].seen().wait_requests(20);
    let gone = |m: &testkit::Metrics| m.sum("weir_upstream_server_up", &["127.0.0.2"]) == 0.0;
    weir.wait_metrics(gone);
    load.wait(200);
    let before = origins[0].requests().len();
    load.wait(200);
    assert_eq!(origins[0].requests().len(), before, "it has left");
    // Without DNS everything stays as it is.
    names.die();
    weir.wait_metrics(|m| m.sum("weir_discovery_total", &["dns", "failed"]) >= 1.0);
    load.wait(200);
    servers(&weir, 2.0);
    names.run(&[]);
    names.say(&[("127.0.0.2", "app.test")]);
    servers(&weir, 1.0);
    load.wait(200);
    load.end();
    let log = weir.stderr();
    assert!(log.iter().any(|line| line.contains("gone: 127.0.0.2:")), "{log:#?}");
}

#[test]
fn a_name_without_an_address_is_waited_for() {
    let (port, _origins) = origins(&["127.0.0.2"]);
    let names = NameServer::start(&[], &[]);
    let setup = Setup::new().global(&names.resolver()).server(&format!("app.test:{port}"));
    let weir = setup.start();
    assert_eq!(weir.get("/").status, 502);
    assert!(weir.wait_log(1)[0].mentions("dns_error"));
    names.say(&[("127.0.0.2", "app.test")]);
    weir.wait_metrics(|m| m.sum("weir_upstream_server_up", &["127.0.0.2"]) == 1.0);
    assert_eq!(weir.get("/").text(), "127.0.0.2");
}

#[test]
fn one_family_is_enough_where_it_is_wanted() {
    let (port, _origins) = origins(&["127.0.0.2"]);
    let names = NameServer::start(&[("127.0.0.2", "app.test"), ("::1", "app.test")], &[]);
    let start = |family: &str| {
        let resolver =
            names.resolver().replace(" timeout", &format!(" family=\"{family}\" timeout"));
        Setup::new().global(&resolver).server(&format!("app.test:{port}")).start()
    };
    servers(&start("any"), 2.0);
    let weir = start("ipv4");
    weir.wait_metrics(|m| m.sum("weir_upstream_server_up", &["127.0.0.2"]) == 1.0);
    servers(&weir, 1.0);
    let weir = start("ipv6");
    weir.wait_metrics(|m| m.sum("weir_upstream_server_up", &["[::1]"]) == 1.0);
    servers(&weir, 1.0);
}

#[test]
fn servers_are_asked_for_by_their_name() {
    let (port, origins) = origins(&["127.0.0.2"]);
    let names = NameServer::start(&[("127.0.0.2", "app.test")], &[]);
    let text = format!(
        "listen \"$LISTEN\"\nadmin \"$ADMIN\"\n{}\n\
         upstream \"app\" {{ server \"app.test:{port}\"; }}\n\
         site {{ route \"/*\" {{ proxy \"app\" {{ host \"upstream\"; }}; }}; }}",
        names.resolver()
    );
    let weir = Setup::whole(&text).start();
    servers(&weir, 1.0);
    weir.wait_metrics(|m| m.sum("weir_upstream_server_up", &["127.0.0.2"]) == 1.0);
    assert_eq!(weir.get("/").status, 200);
    let host = format!("app.test:{port}");
    assert_eq!(origins[0].requests()[0].field("host"), Some(host.as_str()));
}

#[test]
fn what_is_too_much_is_left_out_and_counted() {
    let (port, _origins) = origins(&ADDRESSES);
    let hosts = ADDRESSES.map(|address| (address, "app.test"));
    let names = NameServer::start(&hosts, &[]);
    let setup = Setup::new().global(&names.resolver()).server(&format!("app.test:{port}"));
    let weir = setup.upstream("servers-max 2").start();
    weir.wait_metrics(|m| m.sum("weir_upstream_servers_left_out", &[]) == 1.0);
    servers(&weir, 2.0);
    assert_eq!(weir.get("/").status, 200);
    assert!(weir.stderr().iter().any(|line| line.contains("`servers-max` is 2")));
}

#[test]
fn service_records_have_tiers_weights_and_ports() {
    let (port, origins) = origins(&ADDRESSES);
    let hosts = [("127.0.0.2", "a.test"), ("127.0.0.3", "b.test"), ("127.0.0.4", "c.test")];
    let record = |target: &str, priority: u16, weight: u16| {
        format!("--srv-host=_http._tcp.app.test,{target},{port},{priority},{weight}")
    };
    let first = [record("a.test", 10, 3), record("b.test", 10, 1), record("c.test", 20, 1)];
    let options = |records: &[String]| records.to_vec();
    let mut names =
        NameServer::start(&hosts, &options(&first).iter().map(|o| &**o).collect::<Vec<_>>());
    let text = format!(
        "listen \"$LISTEN\"\nadmin \"$ADMIN\"\nworkers 1\n{}upstream \"app\" {{\n\
         balance \"round-robin\"\ndiscover {{ srv \"_http._tcp.app.test\"; }}\n}}\n\
         site {{ route \"/*\" {{ proxy \"app\"; }}; }}",
        names.resolver()
    );
    let weir = Setup::whole(&text).start();
    servers(&weir, 3.0);
    weir.wait_metrics(|m| m.sum("weir_upstream_server_up", &["127.0.0."]) == 3.0);
    let mut client = weir.client();
    (0..40).for_each(|_| assert_eq!(client.get("/").status, 200));
    let counts = |at: usize| origins[at].requests().len();
    assert_eq!([counts(0), counts(1), counts(2)], [30, 10, 0]);
    names.die();
    let second = [record("c.test", 10, 1)];
    names.run(&second.iter().map(|option| &**option).collect::<Vec<_>>());
    servers(&weir, 1.0);
    assert_eq!(client.get("/").text(), "127.0.0.4");
}
