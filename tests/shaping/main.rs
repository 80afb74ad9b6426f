//! Where the requests of a route go besides, instead, or not at all.

mod failover;
mod hedge;
mod maintenance;
mod mirror;
mod split;

use testkit::{Origin, Setup};

/// Upstreams of one server each by these names, and a site with this text.
fn setup(upstreams: &[(&str, &Origin)], site: &str) -> Setup {
    let upstreams: Vec<_> =
        upstreams.iter().map(|(name, origin)| (*name, origin.server())).collect();
    let addresses: Vec<_> = upstreams.iter().map(|(name, at)| (*name, at.as_str())).collect();
    at(&addresses, site)
}

/// The same with servers by their addresses.
fn at(upstreams: &[(&str, &str)], site: &str) -> Setup {
    let upstreams: String = upstreams
        .iter()
        .map(|(name, server)| format!("upstream \"{name}\" {{ server \"{server}\"; }}\n"))
        .collect();
    Setup::whole(&format!(
        "listen \"$LISTEN\"\nadmin \"$ADMIN\"\naccess-log \"stdout\" format=\"json\"\n\
         {upstreams}site {{\n{site}\n}}\n"
    ))
}
