//! What can be said to `weir explain`.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use clap::Args;

/// The request, and who is asked about it.
#[derive(Debug, Args)]
pub(crate) struct ExplainWish {
    /// The method, GET by default, and the URL
    #[arg(value_name = "[METHOD] URL", required = true, num_args = 1..=2)]
    pub(crate) request: Vec<String>,
    /// A field of the request; may be given several times
    #[arg(short = 'H', long, value_name = "NAME: VALUE", value_parser = field)]
    pub(crate) header: Vec<(String, String)>,
    /// The client's address
    #[arg(long, value_name = "CLIENT-IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub(crate) from: IpAddr,
    /// The configuration file that is asked
    #[arg(short, long, value_name = "FILE", required_unless_present = "admin")]
    pub(crate) config: Option<PathBuf>,
    /// The admin listener of the running process that is asked, which also looks into its cache
    #[arg(short, long, value_name = "ADDRESS", conflicts_with = "config")]
    pub(crate) admin: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `Name: value`. Fields that frame a message are not for people to set.
pub(super) fn field(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("expected `Name: value`")?;
    let name =
        http::HeaderName::try_from(name).map_err(|_| format!("{name:?} is no field name"))?;
    let value = value.trim();
    http::HeaderValue::from_str(value).map_err(|_| format!("{value:?} is no field value"))?;
    let frames = ["content-length", "transfer-encoding", "connection", "trailer"];
    if frames.contains(&name.as_str()) {
        return Err(format!("`{name}` belongs to the connection"));
    }
    Ok((name.as_str().to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_names_and_values() {
        let good = field("Accept-Encoding:  br ").unwrap();
        assert_eq!(good, ("accept-encoding".to_owned(), "br".to_owned()));
        assert!(field("X:").is_ok_and(|(_, value)| value.is_empty()));
        for wrong in ["x", ": x", "a b: c", "a: b\r\nc: d", "Content-Length: 1", "connection: x"] {
            assert!(field(wrong).is_err(), "{wrong}");
        }
    }
}
