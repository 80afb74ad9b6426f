//! What a test wants of Weir, turned into a configuration file.
//!
//! The text may use `$LISTEN`, `$ADMIN`, `$ORIGIN` (the first server) and `$DIR` (the directory
//! of the file).

use crate::origin::Origin;
use crate::weir::Weir;

/// A configuration in the making.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    whole: Option<String>,
    globals: String,
    servers: Vec<String>,
    listener: String,
    upstream: String,
    site: String,
    route: String,
    files: Vec<(String, String)>,
    env: Vec<(String, String)>,
}

impl Setup {
    /// A listener, an admin listener, and a JSON access log on stdout; everything goes to the
    /// servers named by [`Setup::to`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Exactly this text instead of the built one.
    #[must_use]
    pub fn whole(text: &str) -> Self {
        Self { whole: Some(text.to_owned()), ..Self::default() }
    }

    /// Adds a server.
    #[must_use]
    pub fn to(self, origin: &Origin) -> Self {
        self.server(&origin.server())
    }

    /// Adds a server by name.
    #[must_use]
    pub fn server(mut self, server: &str) -> Self {
        self.servers.push(server.to_owned());
        self
    }

    /// Adds nodes at the top of the file.
    #[must_use]
    pub fn global(mut self, text: &str) -> Self {
        push(&mut self.globals, text);
        self
    }

    /// Adds nodes to the listener.
    #[must_use]
    pub fn listener(mut self, text: &str) -> Self {
        push(&mut self.listener, text);
        self
    }

    /// Adds nodes to the upstream.
    #[must_use]
    pub fn upstream(mut self, text: &str) -> Self {
        push(&mut self.upstream, text);
        self
    }

    /// Adds nodes to the site, beside its route for everything.
    #[must_use]
    pub fn site(mut self, text: &str) -> Self {
        push(&mut self.site, text);
        self
    }

    /// Adds nodes to the route for everything, before its `proxy`.
    #[must_use]
    pub fn route(mut self, text: &str) -> Self {
        push(&mut self.route, text);
        self
    }

    /// Writes a file beside the configuration.
    #[must_use]
    pub fn file(mut self, name: &str, text: &str) -> Self {
        self.files.push((name.to_owned(), text.to_owned()));
        self
    }

    /// Sets an environment variable of the process.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs this many workers; one writes its log in the order of events.
    #[must_use]
    pub fn workers(self, count: usize) -> Self {
        self.global(&format!("workers {count}"))
    }

    /// Starts it.
    #[must_use]
    pub fn start(self) -> Weir {
        Weir::launch(&self)
    }

    /// The configuration text, placeholders still in it.
    #[must_use]
    pub fn text(&self) -> String {
        if let Some(whole) = &self.whole {
            return whole.clone();
        }
        let servers: String =
            self.servers.iter().map(|s| format!("    server \"{s}\"\n")).collect();
        let mut out = format!("listen \"$LISTEN\" {{\n{}}}\nadmin \"$ADMIN\"\n", self.listener);
        if !self.globals.contains("access-log ") {
            out += "access-log \"stdout\" format=\"json\"\n";
        }
        out += &self.globals;
        if !servers.is_empty() {
            out += &format!("upstream \"origin\" {{\n{servers}{}}}\n", self.upstream);
        }
        let action =
            if servers.is_empty() { "respond 200 body=\"ok\"" } else { "proxy \"origin\"" };
        out += &format!(
            "site {{\n{}    route \"/*\" {{\n{}        {action}\n    }}\n}}\n",
            self.site, self.route
        );
        out
    }

    pub(crate) fn first_server(&self) -> &str {
        self.servers.first().map_or("127.0.0.1:1", String::as_str)
    }

    pub(crate) fn files(&self) -> &[(String, String)] {
        &self.files
    }

    pub(crate) fn envs(&self) -> &[(String, String)] {
        &self.env
    }
}

fn push(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_land_where_they_belong() {
        let text = Setup::new().server("127.0.0.1:9").route("X").upstream("Y").site("Z").text();
        let order = ["listen", "admin", "access-log", "upstream", "Y", "site", "Z", "X", "proxy"];
        let places: Vec<_> = order.iter().map(|word| text.find(word).unwrap()).collect();
        assert!(places.is_sorted(), "{text}");
    }
}
