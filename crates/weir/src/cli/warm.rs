//! What can be said to `weir warm`.

use std::path::PathBuf;

use clap::Args;

/// What is to be fetched, and how.
#[derive(Debug, Args)]
pub(crate) struct WarmWish {
    /// A file with one URL a line, `#` beginning a comment; standard input when it is `-`
    #[arg(value_name = "FILE", required_unless_present = "sitemap")]
    pub(crate) file: Option<PathBuf>,
    /// A sitemap, by URL or as a file; those that an index names are followed
    #[arg(long, value_name = "URL|FILE")]
    pub(crate) sitemap: Option<String>,
    /// Send everything to this address, with the host and the name of the URL
    #[arg(long, value_name = "HOST:PORT", value_parser = host_and_port)]
    pub(crate) connect: Option<(String, u16)>,
    /// Requests at once
    #[arg(long, value_name = "N", default_value_t = 8,
          value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) concurrency: u16,
    /// Requests in a second, at the most
    #[arg(long, value_name = "N/s", value_parser = rate)]
    pub(crate) rate: Option<f64>,
    /// A field for all requests; of several with one name, each is for requests of its own
    #[arg(short = 'H', long, value_name = "NAME: VALUE", value_parser = super::explain::field)]
    pub(crate) header: Vec<(String, String)>,
    /// Do not verify certificates
    #[arg(long, conflicts_with = "ca")]
    pub(crate) insecure: bool,
    /// Verify certificates by the authorities in this file, instead of those of the system
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// How long a request may go without any progress
    #[arg(long, value_name = "SECONDS", default_value_t = 30,
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) timeout: u64,
    /// How long a request may take altogether
    #[arg(long, value_name = "SECONDS", default_value_t = 600,
          value_parser = clap::value_parser!(u64).range(1..=86400))]
    pub(crate) max_time: u64,
    /// URLs at the most
    #[arg(long, value_name = "N", default_value_t = 1_000_000,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) urls_max: u32,
}

/// `host:port`, `[::1]:port`
fn host_and_port(text: &str) -> Result<(String, u16), String> {
    let parts = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    match parts {
        Some((host, port)) if !host.is_empty() && port > 0 => {
            let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
            if bare.is_none() && host.contains(':') {
                return Err("an IPv6 address stands in brackets: [::1]:443".to_owned());
            }
            Ok((bare.unwrap_or(host).to_owned(), port))
        }
        _ => Err("expected a host and a port, such as 127.0.0.1:8080".to_owned()),
    }
}

/// `50/s`, `0.5/s`
fn rate(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix("/s").unwrap_or(text).parse::<f64>().ok();
    let usable = number.filter(|rate| (0.001..=1_000_000.0).contains(rate));
    usable.ok_or_else(|| "expected requests in a second, such as 50/s".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_rates() {
        assert_eq!(host_and_port("a.test:80"), Ok(("a.test".to_owned(), 80)));
        assert_eq!(host_and_port("[::1]:80"), Ok(("::1".to_owned(), 80)));
        for wrong in ["a.test", ":80", "a:0", "a:99999", "::1:80", ""] {
            assert!(host_and_port(wrong).is_err(), "{wrong}");
        }
        assert_eq!(rate("50/s"), Ok(50.0));
        assert_eq!(rate("0.5"), Ok(0.5));
        for wrong in ["0", "-1/s", "x", "NaN", "5/m", "inf"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }
}
