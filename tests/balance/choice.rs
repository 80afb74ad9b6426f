//! Who is chosen: policies, backups, cookies.

use dialogue::{get, with_fields};
use testkit::origin::ok;
use testkit::{Origin, Setup, Weir};

fn named(name: &'static str) -> Origin {
    Origin::simple(ok(name))
}

fn counts(origins: &[Origin]) -> Vec<usize> {
    origins.iter().map(|origin| origin.requests().len()).collect()
}

fn ask(weir: &Weir, times: usize) {
    let mut client = weir.client();
    (0..times).for_each(|_| assert_eq!(client.get("/").status, 200));
}

fn before(origins: &[Origin], upstream: &str) -> Weir {
    let setup = Setup::new().upstream(upstream).workers(1);
    origins.iter().fold(setup, Setup::to).start()
}

#[test]
fn every_policy_reaches_every_server_it_should() {
    for policy in ["p2c", "round-robin", "least-requests", "random"] {
        let origins = ["a", "b", "c"].map(named);
        let weir = before(&origins, &format!("balance \"{policy}\""));
        ask(&weir, 60);
        let counts = counts(&origins);
        assert_eq!(counts.iter().sum::<usize>(), 60, "{policy}");
        assert!(counts.iter().all(|count| *count > 0), "{policy}: {counts:?}");
    }
    let origins = ["a", "b", "c"].map(named);
    let weir = before(&origins, "balance \"first\"; connections max=10");
    ask(&weir, 60);
    assert_eq!(counts(&origins), [60, 0, 0]);
}

#[test]
fn the_same_key_leads_to_the_same_server_while_it_is_there() {
    for policy in ["hash", "maglev"] {
        let origins = ["a", "b", "c"].map(named);
        let weir = before(&origins, &format!("balance \"{policy}\" key=\"query:user\""));
        let mut client = weir.client();
        let mut home = |user: usize| client.get(&format!("/?user={user}")).text();
        let homes: Vec<_> = (0..30).map(&mut home).collect();
        for name in ["a", "b", "c"] {
            assert!(homes.iter().any(|home| home == name), "{policy}: {homes:?}");
        }
        assert_eq!((0..30).map(&mut home).collect::<Vec<_>>(), homes, "{policy}");
        drop(client);
        let [a, b, c] = origins;
        drop(b);
        let mut client = weir.client();
        for (user, before) in homes.iter().enumerate() {
            let now = client.get(&format!("/?user={user}")).text();
            assert!(now == *before || before == "b", "{policy}: {before} became {now}");
        }
        drop((a, c));
    }
}

#[test]
fn a_slow_server_gets_fewer_requests() {
    let slow = Origin::answer(|_| {
        std::thread::sleep(std::time::Duration::from_millis(30));
        ok("slow")
    });
    let origins = [slow, named("b"), named("c")];
    let weir = before(&origins, "balance \"p2c\"");
    ask(&weir, 200);
    let slow = counts(&origins)[0];
    assert!(slow < 40, "{slow} of 200");
}

#[test]
fn backups_serve_when_nobody_else_is_there() {
    let (main, backup) = (named("main"), named("backup"));
    let spare = format!("server \"{}\" backup=#true", backup.server());
    let weir = Setup::new().to(&main).upstream(&spare).workers(1).start();
    ask(&weir, 20);
    assert_eq!(backup.requests().len(), 0);
    drop((weir, main));
    let gone = testkit::port::free_addr().to_string();
    let weir = Setup::new().server(&gone).upstream(&spare).workers(1).start();
    ask(&weir, 20);
    assert_eq!(backup.requests().len(), 20);
}

#[test]
fn servers_of_our_zone_are_preferred() {
    let (near, far) = (named("near"), named("far"));
    let servers =
        format!("server \"{}\" zone=\"a\"\nserver \"{}\" zone=\"b\"", near.server(), far.server());
    let text = format!(
        "zone \"a\"\nlisten \"$LISTEN\"\nadmin \"$ADMIN\"\nupstream \"u\" {{\n{servers}\n}}\n\
         site {{ route \"/*\" {{ proxy \"u\"; }}; }}\n"
    );
    let weir = Setup::whole(&text).start();
    ask(&weir, 20);
    assert_eq!((near.requests().len(), far.requests().len()), (20, 0));
}

fn cookie(response: &testkit::Response) -> Option<String> {
    let cookie = response.field("set-cookie")?;
    cookie.split(';').next().map(str::to_owned)
}

#[test]
fn a_cookie_keeps_a_client_at_its_server_also_after_a_restart() {
    let origins = ["a", "b", "c"].map(named);
    let sticky = "sticky cookie=\"at\"\nbalance \"round-robin\"";
    let weir = before(&origins, sticky);
    let first = weir.get("/");
    let bound = cookie(&first).expect("a cookie");
    let server = first.text();
    let attributes = first.field("set-cookie").expect("a cookie").to_owned();
    assert!(attributes.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{attributes}");
    let again = with_fields(&format!("Cookie: x=1; {bound}\r\n"));
    let stays = |weir: &Weir| {
        let mut client = weir.client();
        for _ in 0..10 {
            let response = client.exchange(&again);
            assert_eq!(response.text(), server);
            assert_eq!(response.field("set-cookie"), None, "it is bound already");
        }
    };
    stays(&weir);
    drop(weir);
    stays(&before(&origins, sticky));
}

#[test]
fn a_forged_cookie_binds_nobody_and_a_lost_server_is_replaced() {
    let (here, gone) = (named("here"), testkit::port::free_addr().to_string());
    let sticky = "sticky cookie=\"at\" secret=\"0123456789abcdef\"";
    let weir = Setup::new().to(&here).server(&gone).upstream(sticky).start();
    let bound = cookie(&weir.get("/")).expect("a cookie");
    let (id, signature) = bound.split_at(bound.len() - 16);
    let forged = format!("{id}{}", signature.chars().rev().collect::<String>());
    let response = weir.client().exchange(with_fields(&format!("Cookie: {forged}\r\n")));
    assert_eq!(response.text(), "here");
    assert_eq!(cookie(&response).as_deref(), Some(bound.as_str()), "it is bound anew");
    let response = weir.client().exchange(get("/"));
    assert!(cookie(&response).is_some());
}
