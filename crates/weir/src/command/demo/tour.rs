//! What the demo says at its start: commands to copy, with the addresses of this run.

use std::fmt::Write;
use std::net::SocketAddr;

use super::authority::Authority;

/// One thing to try: what it shows, and the command. `$/` stands for Weir's address.
const STOPS: [(&str, &str); 11] = [
    ("Three servers take turns, elm twice as often", "curl -s $/ $/ $/ $/"),
    ("What a server gets: who asked, by which way, under which id", "curl -s $/headers"),
    ("A prefix stripped, fields added and removed", "curl -si $/api/headers"),
    ("Of two routes for one path, the one that asks for more", "curl -s -H 'X-Version: 2' $/api/"),
    ("A regular expression and its captures", "curl -s $/tree/willow"),
    ("Answers without a server", "curl -si $/robots.txt $/old/stump"),
    ("An upload, streamed", "head -c 100000 /dev/zero | curl -s -T - $/upload"),
    ("The same over a limit", "head -c 100000 /dev/zero | curl -si --data-binary @- $/small/box"),
    ("Server-sent events, each at once", "curl -sN $/events"),
    (
        "A connection that becomes a tunnel",
        "curl -sN -H 'Connection: Upgrade' -H 'Upgrade: leaves' $/tunnel",
    ),
    ("A server that is down, and the page for that", "curl -si $/broken"),
];

/// Where everything of this run is.
pub(super) struct Places<'a> {
    /// As clients reach it; nothing for a Unix socket.
    pub(super) address: Option<SocketAddr>,
    /// The authority to trust, and the encrypted address.
    pub(super) encrypted: Option<(Authority, SocketAddr)>,
    /// As it was asked for.
    pub(super) listen: &'a str,
    /// The admin listener.
    pub(super) admin: Option<SocketAddr>,
    /// Name and address of each origin.
    pub(super) origins: &'a [(&'static str, SocketAddr)],
}

/// The whole text.
pub(super) fn text(places: &Places<'_>) -> String {
    let (curl, base) = match places.address {
        Some(address) => ("curl".to_owned(), format!("http://{address}")),
        None => (unix_curl(places.listen), "http://localhost".to_owned()),
    };
    let origins: Vec<_> =
        places.origins.iter().map(|(name, address)| format!("{name} ({address})")).collect();
    let mut text = String::new();
    // Writing to memory cannot fail.
    let _ = writeln!(text, "Weir is at {}, its servers are {}.", base, origins.join(", "));
    text.push_str("In another terminal, try:\n\n");
    for (what, command) in STOPS {
        let command = command.replace("$/", &format!("{base}/")).replace("curl", &curl);
        let _ = writeln!(text, "  # {what}\n  {command}");
    }
    if let Some(admin) = places.admin {
        let what = "Everything is counted";
        let _ = writeln!(text, "  # {what}\n  curl -s http://{admin}/metrics | grep requests");
    }
    if let Some((authority, address)) = &places.encrypted {
        let (ca, port) = (authority.ca.display(), address.port());
        let what = "The same encrypted, by HTTP/2, from an authority made for this machine";
        let _ = writeln!(text, "  # {what}\n  curl -si --cacert '{ca}' https://localhost:{port}/");
        let _ = writeln!(
            text,
            "\nTo let this machine trust that authority (it can sign for localhost only):\n\
             sudo install -m 644 '{ca}' /usr/local/share/ca-certificates/weir-demo.crt && sudo \
             update-ca-certificates\nBrowsers take it in their settings, under certificates."
        );
    }
    text.push_str("\nThe configuration: weir demo --print. The end: Ctrl-C. Requests:\n\n");
    text
}

/// Of `unix:PATH`, the command that asks there.
fn unix_curl(listen: &str) -> String {
    format!("curl --unix-socket '{}'", listen.trim_start_matches("unix:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(listen: &str, address: Option<&str>) -> Vec<String> {
        let address = address.map(|text| text.parse().unwrap());
        let text = text(&Places { address, listen, admin: None, encrypted: None, origins: &[] });
        let command = |line: &str| line.strip_prefix("  ").map(str::to_owned);
        text.lines().filter_map(command).filter(|line| !line.starts_with('#')).collect()
    }

    #[test]
    fn commands_have_the_address_of_the_run() {
        let found = commands(":0", Some("127.0.0.1:4711"));
        assert_eq!(found.len(), STOPS.len());
        let is_whole =
            |line: &String| line.contains("http://127.0.0.1:4711/") && !line.contains('$');
        assert!(found.iter().all(is_whole), "{found:#?}");
    }

    #[test]
    fn a_unix_socket_is_asked_by_its_path() {
        let found = commands("unix:/tmp/a.sock", None);
        assert_eq!(found[1], "curl --unix-socket '/tmp/a.sock' -s http://localhost/headers");
    }
}
