//! The import table: which crate of the house may know which, and what the pure ones may not
//! know at all.

use super::Finding;
use super::code;
use super::tree::Tree;

/// A folder of the house, its package, and the packages of the house it may depend on.
struct Member {
    folder: &'static str,
    name: &'static str,
    knows: &'static [&'static str],
}

const HOUSE: [Member; 10] = [
    Member { folder: "crates/http1", name: "http1", knows: &[] },
    Member { folder: "crates/balance", name: "balance", knows: &[] },
    Member { folder: "crates/cache", name: "cache", knows: &["http1"] },
    Member { folder: "crates/config", name: "config", knows: &[] },
    Member {
        folder: "crates/proxy",
        name: "proxy",
        knows: &["balance", "cache", "config", "http1"],
    },
    Member {
        folder: "crates/control",
        name: "control",
        knows: &["balance", "config", "http1", "proxy"],
    },
    Member {
        folder: "crates/weir",
        name: "weir",
        knows: &["balance", "cache", "config", "control", "proxy"],
    },
    Member { folder: "crates/testkit", name: "testkit", knows: &[] },
    Member { folder: "bench", name: "bench", knows: &[] },
    Member { folder: "xtask", name: "xtask", knows: &[] },
];

/// Folders whose code knows no clock, no socket and no runtime, and what gives it away. An
/// address is no socket, and a moment that comes as an argument is no clock.
const PURE: [(&str, &[&str]); 3] = [
    ("crates/balance/", &["SystemTime", "UNIX_EPOCH", "now()", "elapsed()"]),
    ("crates/config/", &["Instant", "SystemTime"]),
    ("crates/http1/", &["Instant", "SystemTime", "UNIX_EPOCH"]),
];

const NO_NETWORK: [&str; 8] =
    ["tokio", "socket2", "rustix", "libc", "TcpStream", "TcpListener", "UdpSocket", "UnixStream"];

/// Crates depend on those below them. Only tests may know the test kit.
pub(super) fn crates(tree: &Tree, found: &mut Vec<Finding>) {
    for (path, text) in tree.files() {
        let Some(folder) = path.strip_suffix("/Cargo.toml") else { continue };
        let Some(member) = HOUSE.iter().find(|member| member.folder == folder) else { continue };
        for (line, section, dependency) in dependencies(text) {
            let known = HOUSE.iter().find(|other| other.name == dependency);
            let test_only = section == "dev-dependencies";
            let fits = |other: &Member| {
                member.knows.contains(&other.name) || test_only && other.name == "testkit"
            };
            if known.is_some_and(|other| !fits(other)) {
                let text = format!("{} must not know {dependency}", member.name);
                found.push(Finding::new("imports", path, line, text));
            }
        }
    }
}

/// The pure crates stay pure, so that time is an argument and input is bytes.
pub(super) fn pure(tree: &Tree, found: &mut Vec<Finding>) {
    for (path, text) in tree.rust() {
        let rule = PURE.iter().find(|(folder, _)| path.starts_with(folder));
        let Some((_, clocks)) = rule.filter(|_| path.contains("/src/")) else { continue };
        let code = code::only(text);
        for (number, line) in code.lines().enumerate() {
            let banned = clocks.iter().chain(&NO_NETWORK).find(|word| code::has_word(line, word));
            if let Some(word) = banned {
                let text = format!("`{word}`: this crate knows no clock, socket or runtime");
                found.push(Finding::new("pure", path, number + 1, text));
            }
        }
    }
}

/// Line, kind of section and short name of every dependency that a manifest lists.
fn dependencies(manifest: &str) -> Vec<(usize, &str, &str)> {
    let mut section = "";
    let mut found = Vec::new();
    for (number, line) in manifest.lines().enumerate() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
            continue;
        }
        let key = line.split(['=', '.', ' ']).next().unwrap_or("");
        if section.ends_with("dependencies") && !key.is_empty() && !key.starts_with('#') {
            found.push((number + 1, section, key.strip_prefix("weir-").unwrap_or(key)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::tidy::tests::broken;

    #[test]
    fn a_crate_knows_only_those_below_it() {
        let manifest = "[dependencies]\nhttp1.workspace = true\n[dev-dependencies]\ntestkit = {}\n";
        assert_eq!(broken(&[("crates/proxy/Cargo.toml", manifest)]), []);
        assert_eq!(broken(&[("crates/balance/Cargo.toml", manifest)]), [("imports", 2)]);
        assert_eq!(broken(&[("crates/weir/Cargo.toml", manifest)]), [("imports", 2)]);
        let manifest =
            "[dependencies]\ntestkit.workspace = true\nweir-control = { path = \"x\" }\n";
        let wanted = [("imports", 2), ("imports", 3)];
        assert_eq!(broken(&[("crates/proxy/Cargo.toml", manifest)]), wanted);
    }

    #[test]
    fn pure_crates_have_no_clock_and_no_socket() {
        for line in
            ["use std::time::Instant;", "use std::{fmt, net::TcpStream};", "use tokio::time;"]
        {
            let text = format!("//! A.\n{line}\n");
            assert_eq!(broken(&[("crates/http1/src/lib.rs", &text)]), [("pure", 2)], "{line}");
            assert_eq!(broken(&[("crates/proxy/src/lib.rs", &text)]), [], "{line}");
        }
        let text = "//! A.\nfn a(now: Instant) {\n    Instant::now();\n}\n";
        assert_eq!(broken(&[("crates/balance/src/lib.rs", text)]), [("pure", 3)]);
        let text = "//! A.\n// tokio\nuse std::{net::IpAddr, time::Duration};\n";
        assert_eq!(broken(&[("crates/balance/src/lib.rs", text)]), []);
    }
}
