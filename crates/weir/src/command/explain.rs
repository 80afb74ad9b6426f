//! `weir explain`: what would become of a request, by a configuration file or by a process that
//! runs, as text for people or JSON for programs.

mod text;

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use crate::cli::ExplainWish;
use crate::command::admin_client::ask;
use crate::command::{Failure, compile, load, print};
use crate::explain;
use crate::roster::Lists;

/// Asks, and prints what is said.
pub(super) fn run(wish: &ExplainWish) -> Result<(), Failure> {
    let request = match wish.request.as_slice() {
        [url] => ("GET", url.as_str()),
        [method, url] => (method.as_str(), url.as_str()),
        _ => return Err(Failure::wrong("weir: expected a URL, or a method and a URL")),
    };
    let question = explain::question(request, wish.header.clone(), wish.from)
        .map_err(|error| Failure::wrong(format!("weir: {error}")))?;
    let told = match (&wish.admin, &wish.config) {
        (Some(admin), _) => online(admin, &explain::write(&question))?,
        (None, Some(file)) => offline(file, &question)?,
        (None, None) => return Err(Failure::wrong("weir: say --config or --admin")),
    };
    if wish.json {
        return print(&format!("{told:#}\n"));
    }
    print(&text::of(&told))
}

fn online(admin: &str, question: &str) -> Result<Value, Failure> {
    let answer = ask(admin, "POST", "/explain", Some(question))?;
    let content = answer.good();
    let content =
        content.map_err(|error| Failure::failed(format!("nothing was explained: {error}")))?;
    serde_json::from_str(content)
        .map_err(|error| Failure::failed(format!("the admin listener at {admin}: {error}")))
}

fn offline(file: &Path, question: &proxy::explain::Question) -> Result<Value, Failure> {
    let config = load(file)?;
    let snapshot = compile(&config, None)?;
    let snapshot = Arc::new(snapshot.with_servers(Lists::new(&config).grown()));
    Ok(explain::shown(&snapshot, &config, question))
}
