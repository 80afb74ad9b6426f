//! Certificates that change while they are in use, and those that are about to end.

use std::time::{Duration, Instant};

use testkit::{Authority, Leaf, PATIENCE, Setup, Weir};

use crate::scene::{NAMES, Scene, certificate, listen, pair, s_client, shows};

const FAULTS: &str = "weir_tls_certificate_faults_total";

/// Replaces a file as tools do that care: by one rename.
fn replace(weir: &Weir, name: &str, text: &str) {
    let (new, old) = (weir.dir().join(format!("{name}.new")), weir.dir().join(name));
    std::fs::write(&new, text).expect("a file");
    std::fs::rename(new, old).expect("rename");
}

fn until_shown(weir: &Weir, leaf: &Leaf) {
    let until = Instant::now() + PATIENCE;
    loop {
        let printed = s_client(weir.addr(), &["-servername", "a.test"]);
        if shows(&printed, leaf) {
            return;
        }
        assert!(Instant::now() < until, "not shown: {printed}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn until_told(weir: &Weir, words: &[&str]) {
    let until = Instant::now() + PATIENCE;
    while !weir.stderr().iter().any(|line| words.iter().all(|word| line.contains(word))) {
        assert!(Instant::now() < until, "no {words:?} in {:#?}", weir.stderr());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_new_certificate_comes_into_force_and_open_connections_live_on() {
    let scene = Scene::new(Setup::new(), "");
    let mut open = scene.client.connect(scene.weir.addr());
    open.expect_alive("/");
    let next = scene.authority.leaf(&NAMES);
    replace(&scene.weir, "leaf.pem", &next.pem);
    replace(&scene.weir, "leaf.key", &next.key);
    until_shown(&scene.weir, &next);
    until_told(&scene.weir, &["leaf.pem", "again"]);
    open.expect_alive("/still-here");
    scene.client.connect(scene.weir.addr()).expect_alive("/");
}

#[test]
fn a_broken_pair_leaves_the_old_one_in_force_and_is_told() {
    let scene = Scene::new(Setup::new(), "");
    let stranger = scene.authority.leaf(&NAMES);
    let broken = [
        ("leaf.key", stranger.key.as_str(), "does not belong"),
        ("leaf.key", "no key at all", "no private key"),
        ("leaf.pem", "-----BEGIN CERTIFICATE-----\n", "leaf.pem"),
    ];
    for (count, (name, text, why)) in (1..).zip(broken) {
        replace(&scene.weir, name, text);
        until_told(&scene.weir, &[why, "stays in force"]);
        scene.weir.wait_metrics(|m| m.sum(FAULTS, &[]) >= f64::from(count));
        let printed = s_client(scene.weir.addr(), &["-servername", "a.test"]);
        assert!(shows(&printed, &scene.leaf), "{why}: {printed}");
        scene.client.connect(scene.weir.addr()).expect_alive("/");
    }
    std::fs::remove_file(scene.weir.dir().join("leaf.pem")).expect("remove");
    until_told(&scene.weir, &["cannot read", "stays in force"]);
    // What is mended comes into force.
    replace(&scene.weir, "leaf.pem", &stranger.pem);
    replace(&scene.weir, "leaf.key", &stranger.key);
    until_shown(&scene.weir, &stranger);
}

#[test]
fn a_changed_pair_brings_other_names() {
    let authority = Authority::new();
    let (default, before) = (authority.leaf(&["z.test"]), authority.leaf(&["b.test"]));
    let setup = pair(pair(Setup::new(), "default", &default), "leaf", &before);
    let tls = format!("{}\n{}", certificate("default"), certificate("leaf"));
    let weir = listen(setup, &tls).start();
    assert!(shows(&s_client(weir.addr(), &["-servername", "a.test"]), &default));
    let after = authority.leaf(&["a.test"]);
    replace(&weir, "leaf.key", &after.key);
    replace(&weir, "leaf.pem", &after.pem);
    until_shown(&weir, &after);
    assert!(shows(&s_client(weir.addr(), &["-servername", "b.test"]), &default));
}

#[test]
fn dates_are_measured_and_what_ends_soon_is_told() {
    let authority = Authority::new();
    let setup = pair(Setup::new(), "long", &authority.leaf(&["long.test"]));
    let setup = pair(setup, "soon", &authority.dated_leaf(&["soon.test"], -5..5));
    let setup = pair(setup, "over", &authority.dated_leaf(&["over.test"], -9..-2));
    let setup = pair(setup, "early", &authority.dated_leaf(&["early.test"], 2..9));
    let tls = ["long", "soon", "over", "early"].map(certificate).join("\n");
    let weir = listen(setup, &tls).start();
    until_told(&weir, &["soon.pem", "expires in"]);
    until_told(&weir, &["over.pem", "has expired"]);
    until_told(&weir, &["early.pem", "not valid yet"]);
    assert!(!weir.stderr().iter().any(|line| line.contains("long.pem")));
    let metrics = weir.metrics();
    let expiry = |stem: &str| {
        let series = metrics.names().into_iter().find(|name| name.contains(stem)).expect(stem);
        assert!(series.starts_with("weir_tls_certificate_expiry_seconds{"), "{series}");
        metrics.sum("weir_tls_certificate_expiry_seconds", &[&format!("{stem}.pem")])
    };
    let days = |from: &str, to: &str| ((expiry(to) - expiry(from)) / 86400.0).round();
    assert_eq!(
        (days("over", "soon"), days("soon", "early"), days("soon", "long")),
        (7.0, 4.0, 85.0)
    );
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let left = expiry("soon") - now.expect("a clock").as_secs_f64();
    assert!((left / 86400.0 - 5.0).abs() < 0.1, "{left}");
}
