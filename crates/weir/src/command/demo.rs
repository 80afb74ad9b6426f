//! `weir demo`: three small origins, Weir in front of them, and what to try with curl.
//!
//! The configuration is `demo/demo.kdl`, read like any other; only its addresses are replaced.

mod authority;
mod origin;
mod tour;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use config::{Config, ListenAddress};

use super::proxy::quoted;
use super::{Failure, print as say, render};
use crate::start::Running;
use authority::Authority;
use tour::Places;

const CONFIG: &str = include_str!("demo/demo.kdl");

/// The origins, and the addresses that stand for them in the configuration.
const ORIGINS: [(&str, &str); 3] =
    [("oak", "\"127.0.0.1:3001\""), ("elm", "\"127.0.0.1:3002\""), ("ash", "\"127.0.0.1:3003\"")];

/// Where nobody answers.
const NOBODY: &str = "\"127.0.0.1:3999\"";

/// Prints the configuration of the demo.
pub(super) fn print(listen: Option<&str>) -> Result<(), Failure> {
    say(&listening_on(listen))
}

/// Starts origins and Weir, says what to try, and runs until told to stop.
pub(super) fn run(listen: Option<&str>) -> Result<(), Failure> {
    let mut text = listening_on(listen);
    let mut origins = Vec::new();
    for (name, placeholder) in ORIGINS {
        let address = origin::start(name)
            .map_err(|error| Failure::failed(format!("cannot start an origin: {error}")))?;
        text = text.replace(placeholder, &quoted(&address.to_string()));
        origins.push((name, address));
    }
    let (nobody, _held) = origin::nobody()
        .map_err(|error| Failure::failed(format!("cannot take a port: {error}")))?;
    text = text.replace(NOBODY, &quoted(&nobody.to_string()));
    let authority = Authority::prepare(&authority::folder());
    match &authority {
        Ok(authority) => text.push_str(&encrypted(authority)),
        Err(error) => eprintln!("weir: the demo is not encrypted: {error}"),
    }
    let mut config =
        config::load_text("demo", &text).map_err(|report| Failure::wrong(render(&report)))?;
    take_free_ports(&mut config, listen.is_none());
    let is_encrypted = config.listeners.len() > 1;
    let running = Running::start(config)?;
    let places = Places {
        address: in_the_clear(&running, is_encrypted).map(reachable),
        encrypted: authority.ok().zip(running.addresses().last().copied()),
        listen: listen.unwrap_or_default(),
        admin: running.admin_address(),
        origins: &origins,
    };
    say(&tour::text(&places))?;
    running.until_told_to_stop()
}

fn listening_on(listen: Option<&str>) -> String {
    match listen {
        Some(listen) => CONFIG.replace("\"127.0.0.1:8080\"", &quoted(listen)),
        None => CONFIG.to_owned(),
    }
}

/// Another listener, for the same sites.
fn encrypted(authority: &Authority) -> String {
    let file = quoted(&authority.certificate.display().to_string());
    format!("listen \"127.0.0.1:8443\" {{ tls {{ certificate {file}; }}; }}\n")
}

/// The address of the first listener, if that has one: the encrypted listener is the last.
fn in_the_clear(running: &Running, is_encrypted: bool) -> Option<SocketAddr> {
    let addresses = running.addresses();
    let clear = addresses.len() - usize::from(is_encrypted);
    addresses.first().copied().filter(|_| clear > 0)
}

/// A demo must start whatever else runs here: the system chooses its ports, which a
/// configuration file cannot ask for.
fn take_free_ports(config: &mut Config, also_for_clients: bool) {
    let free = || ListenAddress::Tcp(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))]);
    for listener in &mut config.listeners {
        if also_for_clients || listener.tls.is_some() {
            listener.address = free();
        }
    }
    if let Some(admin) = &mut config.admin {
        admin.address = free();
    }
}

/// Where a client on this machine finds a listener.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_good_formatted_and_has_every_placeholder() {
        let config = config::load_text("demo", CONFIG).unwrap();
        assert!(config.warnings.is_empty());
        assert_eq!(config::format(CONFIG).unwrap(), CONFIG);
        for (name, placeholder) in ORIGINS {
            assert!(CONFIG.contains(placeholder), "{name}");
        }
        assert!(CONFIG.contains(NOBODY));
        assert!(listening_on(Some("[::1]:1")).contains("listen \"[::1]:1\""));
    }

    #[test]
    fn an_unspecified_address_is_shown_as_this_machine() {
        let shown = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(shown("0.0.0.0:80"), "127.0.0.1:80");
        assert_eq!(shown("[::]:80"), "[::1]:80");
        assert_eq!(shown("192.0.2.1:80"), "192.0.2.1:80");
    }
}
