//! What of a source's answers is news.

use std::sync::Mutex;

use config::ListFormat;

use super::*;

fn servers(text: &str) -> Vec<Server> {
    config::load_servers("test", text, ListFormat::Kdl).unwrap()
}

fn followed(what: DiscoverySource) -> (Followed, Arc<Mutex<Vec<String>>>) {
    let told = Arc::<Mutex<Vec<String>>>::default();
    let heard = Arc::clone(&told);
    let tell = move |_: &Source, news: News<'_>| {
        let text = match news {
            Ok(servers) => format!("{} servers", servers.len()),
            Err(reason) => reason.to_owned(),
        };
        heard.lock().unwrap().push(text);
    };
    (Followed::new(Source { upstream: 0, number: 0, what }, Arc::new(tell)), told)
}

#[test]
fn the_same_again_is_no_news_and_a_row_of_failures_is_one() {
    let (mut followed, told) = followed(DiscoverySource::Srv("a.test".to_owned()));
    followed.note(Err("no answer".to_owned()));
    followed.note(Err("no answer".to_owned()));
    followed.note(Ok(servers("server \"10.0.0.1:80\"")));
    followed.note(Ok(servers("\n\n  server \"10.0.0.1:80\"")));
    followed.note(Err("gone".to_owned()));
    followed.note(Ok(servers("server \"10.0.0.1:80\"")));
    followed.note(Err("gone again".to_owned()));
    followed.note(Ok(Vec::new()));
    let expected = ["no answer", "1 servers", "gone", "gone again", "0 servers"];
    assert_eq!(*told.lock().unwrap(), expected);
}

#[test]
fn what_the_configuration_has_read_is_known() {
    let list = servers("server \"10.0.0.1:80\"");
    let path = "servers.kdl".into();
    let (mut followed, told) =
        self::followed(DiscoverySource::File { path, servers: list.clone() });
    followed.note(Ok(list));
    assert!(told.lock().unwrap().is_empty());
}
