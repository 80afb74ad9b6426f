//! What would become of a request, as JSON: a question in, an explanation out. The command line
//! asks so offline, the admin listener in the running process.

mod shown;

use std::net::IpAddr;
use std::sync::Arc;

use config::Config;
use control::Refusal;
use proxy::explain::{Question, explain};
use proxy::snapshot::Snapshot;
use serde_json::{Value, json};

/// Answers a question that came as JSON, with what is in the stores.
pub(crate) fn answer(
    snapshot: &Arc<Snapshot>,
    config: &Config,
    body: &str,
) -> Result<String, Refusal> {
    let question = read(body).map_err(Refusal::bad)?;
    Ok(format!("{:#}\n", shown(snapshot, config, &question)))
}

/// What would become of the request of a question.
pub(crate) fn shown(snapshot: &Arc<Snapshot>, config: &Config, question: &Question) -> Value {
    let told = explain(snapshot, config, question);
    let outline = config::Outline::new(&config.sources);
    shown::Shown { snapshot, config, question, outline }.all(&told)
}

/// A question as JSON, which [`read`] reads.
pub(crate) fn write(question: &Question) -> String {
    json!({
        "method": question.method,
        "url": url(question),
        "headers": question.fields,
        "from": question.from,
    })
    .to_string()
}

fn url(question: &Question) -> String {
    let scheme = if question.is_encrypted { "https" } else { "http" };
    format!("{scheme}://{}{}", question.authority, question.target)
}

/// `method` (GET where it is missing), `url`, `headers` (pairs of name and value) and `from` (this
/// machine where it is missing).
fn read(body: &str) -> Result<Question, String> {
    let object: Value = serde_json::from_str(body).map_err(|error| error.to_string())?;
    let Value::Object(members) = object else { return Err("expected an object".to_owned()) };
    let (mut method, mut url, mut fields) = ("GET".to_owned(), None, Vec::new());
    let mut from = IpAddr::from([127, 0, 0, 1]);
    for (name, value) in members {
        let text = || value.as_str().ok_or_else(|| format!("`{name}` is a text"));
        match name.as_str() {
            "method" => method = text()?.to_owned(),
            "url" => url = Some(text()?.to_owned()),
            "from" => {
                let address = text()?.parse();
                from = address.map_err(|_| "`from` is an IP address".to_owned())?;
            }
            "headers" => {
                fields = serde_json::from_value(value)
                    .map_err(|_| "`headers` is a list of pairs of texts".to_owned())?;
            }
            other => {
                return Err(format!(
                    "there is no {other:?}; say `method`, `url`, `headers`, `from`"
                ));
            }
        }
    }
    let url = url.ok_or("`url` is missing")?;
    Ok(Question { looks: true, ..question((&method, &url), fields, from)? })
}

/// A question about a request, without a look at what is stored.
///
/// # Errors
/// The method or the URL is none.
pub(crate) fn question(
    (method, url): (&str, &str),
    fields: Vec<(String, String)>,
    from: IpAddr,
) -> Result<Question, String> {
    let is_token = !method.is_empty() && http::Method::from_bytes(method.as_bytes()).is_ok();
    if !is_token {
        return Err(format!("{method:?} is no method"));
    }
    let no_url = || format!("{url:?} is no URL such as \"https://example.com/x\"");
    let (scheme, rest) = url.split_once("://").ok_or_else(no_url)?;
    let is_encrypted = match scheme.to_ascii_lowercase().as_str() {
        "http" => false,
        "https" => true,
        _ => return Err(no_url()),
    };
    // What else may stand in it is for the parser to say that serves.
    let rest = rest.split('#').next().unwrap_or_default();
    let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let is_unfit = |text: &str| text.contains(|c: char| c.is_whitespace() || c.is_control());
    if authority.is_empty() || authority.contains('@') || is_unfit(rest) {
        return Err(no_url());
    }
    let slash = if target.starts_with('/') { "" } else { "/" };
    let frames = ["content-length", "transfer-encoding"];
    let has_body =
        |name: &String| frames.iter().any(|frame| name.trim().eq_ignore_ascii_case(frame));
    if fields.iter().any(|(name, _)| has_body(name)) {
        return Err("a request with a body cannot be asked about".to_owned());
    }
    let breaks = |text: &str| text.contains(['\r', '\n']);
    if fields.iter().any(|(name, value)| breaks(name) || breaks(value)) {
        return Err("a field is one line".to_owned());
    }
    Ok(Question {
        method: method.to_owned(),
        is_encrypted,
        authority: authority.to_owned(),
        target: format!("{slash}{target}"),
        fields,
        from,
        looks: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_survives_the_way() {
        let from = "192.0.2.7".parse().unwrap();
        let fields = vec![("Cookie".to_owned(), "a=b".to_owned())];
        let asked = question(("POST", "https://a.test:8443?x"), fields, from).unwrap();
        assert_eq!((asked.authority.as_str(), asked.target.as_str()), ("a.test:8443", "/?x"));
        let read = read(&write(&asked)).unwrap();
        assert!(read.looks && !asked.looks);
        let same = Question { looks: false, ..read };
        assert_eq!(format!("{same:?}"), format!("{asked:?}"));
    }

    #[test]
    fn what_is_no_question_is_refused() {
        for body in [
            "",
            "[]",
            "{}",
            "{\"url\":\"/x\"}",
            "{\"url\":7}",
            "{\"url\":\"ftp://a/\"}",
            "{\"url\":\"http://u@a/\"}",
            "{\"url\":\"http:///x\"}",
            "{\"url\":\"http://a/x y\"}",
            "{\"url\":\"http://a/\",\"method\":\"\"}",
            "{\"url\":\"http://a/\",\"method\":\"a b\"}",
            "{\"url\":\"http://a/\",\"from\":\"x\"}",
            "{\"url\":\"http://a/\",\"headers\":{}}",
            "{\"url\":\"http://a/\",\"headers\":[[\"Content-Length\",\"1\"]]}",
            "{\"url\":\"http://a/\",\"more\":1}",
            "{\"url\":\"http://a/\",\"headers\":[[\"a\",\"b\\r\\nc: d\"]]}",
        ] {
            assert!(read(body).is_err(), "{body}");
        }
    }
}
