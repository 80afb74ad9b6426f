//! The class of device in the key.

use super::Scene;

const FRESH: &str = "200 | Cache-Control: max-age=60";
const PHONE: &str = "User-Agent: Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) Mobile/15E";
const OTHER_PHONE: &str = "User-Agent: Mozilla/5.0 (Linux; Android 14; Pixel 8) Mobile Safari";
const TABLET: &str = "User-Agent: Mozilla/5.0 (iPad; CPU OS 12_2 like Mac OS X)";
const DESKTOP: &str = "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64)";
const ROBOT: &str = "User-Agent: Mozilla/5.0 (compatible; bingbot/2.0)";
const FIELDS: &str = "User-Agent, Sec-CH-UA-Mobile, Sec-CH-UA-Platform";

#[test]
fn each_class_has_its_answer_and_the_origin_is_told() {
    let scene = Scene::new("cache { key device=#true; }");
    let classes = [(PHONE, "phone"), (TABLET, "tablet"), (DESKTOP, "desktop"), (ROBOT, "bot")];
    for (agent, class) in classes {
        let first = scene.ask(&format!("GET /\n{agent}"), &format!("{FRESH} | body={class}"));
        assert_eq!(first.asked("X-Device"), Some(class));
        assert_eq!(first.response.field("Vary"), Some(FIELDS));
    }
    for (agent, class) in classes {
        let outcome = scene.ask(&format!("GET /\n{agent}"), "500");
        assert_eq!(outcome.response.text(), class);
        assert_eq!(outcome.response.field("Vary"), Some(FIELDS));
    }
    assert_eq!(scene.ask(&format!("GET /\n{OTHER_PHONE}"), "500").response.text(), "phone");
    let hinted = "Sec-CH-UA-Mobile: ?0\nSec-CH-UA-Platform: \"Android\"";
    assert_eq!(scene.ask(&format!("GET /\n{DESKTOP}\n{hinted}"), "500").response.text(), "tablet");
    let unchanged = scene.ask(&format!("GET /\n{PHONE}\nIf-None-Match: *"), "500").response;
    assert_eq!((unchanged.status, unchanged.field("Vary")), (304, Some(FIELDS)));
}

#[test]
fn no_client_says_what_it_is_in_our_field() {
    let scene = Scene::new("cache { key device=#true device-header=\"X-Kind\"; }");
    let first = scene.ask(&format!("GET /\n{DESKTOP}\nX-Kind: phone"), FRESH);
    assert_eq!(first.asked("X-Kind"), Some("desktop"));
    assert_eq!(first.asked("X-Device"), None);
    assert!(scene.ask(&format!("GET /\n{DESKTOP}"), "500").is_hit());
    // It is told to the origin where nothing is kept, too.
    let posted = scene.ask(&format!("POST /\n{PHONE}\nX-Kind: desktop"), "200");
    assert_eq!(posted.asked("X-Kind"), Some("phone"));
}

#[test]
fn an_origin_may_vary_by_the_class_or_by_more() {
    let scene = Scene::new("cache { key device=#true; }");
    let vary = |names: &str| format!("{FRESH} | Vary: {names}");
    let first = scene.ask(&format!("GET /\n{PHONE}"), &vary("X-Device, user-agent"));
    let lines = first.response.head.all("vary").join("|");
    assert_eq!(lines, "X-Device, user-agent|Sec-CH-UA-Mobile, Sec-CH-UA-Platform");
    assert!(scene.ask(&format!("GET /\n{PHONE}"), "500").is_hit());
    // The origin has the last word: this one tells agents apart itself.
    assert!(!scene.ask(&format!("GET /\n{OTHER_PHONE}"), FRESH).is_hit());
    let star = scene.ask(&format!("GET /star\n{PHONE}"), &vary("*"));
    assert_eq!(star.response.head.all("vary"), ["*"]);
}

#[test]
fn a_change_is_one_for_all_classes() {
    let scene = Scene::new("cache { key device=#true; }");
    for agent in [PHONE, DESKTOP] {
        scene.ask(&format!("GET /\n{agent}"), FRESH);
    }
    scene.ask("PUT /", "200");
    for agent in [PHONE, DESKTOP] {
        assert!(!scene.ask(&format!("GET /\n{agent}"), FRESH).is_hit());
    }
}
