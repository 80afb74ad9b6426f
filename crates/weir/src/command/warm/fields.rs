//! The fields of requests. Several of one name stand for requests that differ in it: what varies
//! by `Accept-Encoding` is warmed for each coding in one run.

use http::header::{ACCEPT, HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Requests for one URL.
const VARIANTS_MAX: usize = 64;

/// Who asks, for the logs.
pub(super) const AGENT: &str = concat!("weir/", env!("CARGO_PKG_VERSION"), " (warm)");

/// The fields of each request for a URL: every combination of the values of each name.
pub(super) fn variants(given: &[(String, String)]) -> Result<Vec<HeaderMap>, String> {
    let mut usual = HeaderMap::new();
    usual.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    usual.insert(ACCEPT, HeaderValue::from_static("*/*"));
    let mut variants = vec![usual];
    let mut names: Vec<HeaderName> = Vec::new();
    for (name, _) in given {
        let name = HeaderName::try_from(name).map_err(|error| error.to_string())?;
        if name == HOST {
            return Err("`Host` is that of the URL; `--connect` sends it elsewhere".to_owned());
        }
        if !names.contains(&name) {
            names.push(name);
        }
    }
    for name in names {
        let values = given.iter().filter(|(given, _)| *given == name.as_str());
        let values = values.map(|(_, value)| HeaderValue::from_str(value));
        let values = values.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
        if variants.len() * values.len() > VARIANTS_MAX {
            return Err(format!("that makes more than {VARIANTS_MAX} requests for each URL"));
        }
        variants = values
            .iter()
            .flat_map(|value| {
                variants.iter().map(|fields| {
                    let mut fields = fields.clone();
                    fields.insert(&name, value.clone());
                    fields
                })
            })
            .collect();
    }
    Ok(variants)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &HeaderValue) -> &str {
        value.to_str().unwrap()
    }

    #[test]
    fn fields_of_one_name_are_requests_of_their_own() {
        let given = |fields: &[(&str, &str)]| {
            let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            fields.iter().map(owned).collect::<Vec<_>>()
        };
        let one = variants(&given(&[("accept", "text/html"), ("x", "1")])).unwrap();
        assert_eq!(one.len(), 1);
        assert_eq!(
            (&one[0]["accept"], &one[0]["x"]),
            (&"text/html".parse().unwrap(), &"1".parse().unwrap())
        );
        let four = [("accept-encoding", "br"), ("accept-encoding", "gzip"), ("x", "1"), ("x", "2")];
        let four = variants(&given(&four)).unwrap();
        let told: Vec<_> =
            four.iter().map(|fields| (&fields["accept-encoding"], &fields["x"])).collect();
        let told: Vec<_> = told.iter().map(|(one, other)| (text(one), text(other))).collect();
        assert_eq!(told, [("br", "1"), ("gzip", "1"), ("br", "2"), ("gzip", "2")]);
        assert!(variants(&given(&[("host", "a")])).is_err());
        let many: Vec<_> = (0..65).map(|n| ("x".to_owned(), n.to_string())).collect();
        assert!(variants(&many).is_err());
    }
}
