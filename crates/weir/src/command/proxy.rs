//! `weir proxy`: the same as a small configuration file, which it writes in memory.

use std::fmt::Write;

use super::{Failure, render};
use crate::start;

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Wish {
    /// Where to listen.
    pub(crate) listen: String,
    /// The servers.
    pub(crate) to: Vec<String>,
    /// Worker threads.
    pub(crate) workers: Option<u16>,
    /// Whether requests are logged.
    pub(crate) access_log: bool,
}

/// Runs until told to stop.
pub(crate) fn run(wish: &Wish) -> Result<(), Failure> {
    let config = config::load_text("command line", &text(wish))
        .map_err(|report| Failure::wrong(render(&report)))?;
    start::run(&config)
}

fn text(wish: &Wish) -> String {
    let mut text = format!("listen {}\n", quoted(&wish.listen));
    if let Some(workers) = wish.workers {
        // Writing to memory cannot fail.
        let _ = writeln!(text, "workers {workers}");
    }
    if wish.access_log {
        text.push_str("access-log \"stdout\" format=\"combined\"\n");
    }
    text.push_str("upstream \"origin\" {\n");
    for server in &wish.to {
        let _ = writeln!(text, "    server {}", quoted(server));
    }
    text.push_str("}\nsite { route \"/*\" { proxy \"origin\"; }; }\n");
    text
}

/// A KDL string: what would end it or start a placeholder is escaped.
pub(super) fn quoted(value: &str) -> String {
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_a_good_configuration() {
        let wish = Wish {
            listen: "127.0.0.1:8080".to_owned(),
            to: vec!["127.0.0.1:3000".to_owned(), "unix:/run/a.sock".to_owned()],
            workers: Some(2),
            access_log: true,
        };
        let config = config::load_text("command line", &text(&wish)).unwrap();
        assert_eq!(config.upstreams[0].servers.len(), 2);
        assert_eq!(config.workers, Some(2));
    }

    #[test]
    fn a_bad_server_is_told() {
        let wish = Wish {
            listen: ":80".to_owned(),
            to: vec!["no\"where".to_owned()],
            workers: None,
            access_log: false,
        };
        assert!(config::load_text("command line", &text(&wish)).is_err());
    }
}
