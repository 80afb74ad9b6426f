//! Encryption towards clients and origin servers.

use std::path::PathBuf;
use std::time::Duration;

use super::headers::editable;
use super::{Context, Text};
use crate::check::Item;
use crate::model::{
    Certificate, CertificateDirectory, ClientAuth, Hsts, RedirectHttps, Tls, TlsPolicy, TlsVersion,
    UnknownName, UpstreamTls,
};
use crate::report::Diagnostic;

/// What browsers' lists ask for (RFC 6797 leaves it open).
const PRELOAD_AGE_MIN: Duration = Duration::from_secs(365 * 24 * 3600);

pub(super) fn tls(item: &Item, context: &mut Context) -> Tls {
    let certificates: Vec<_> =
        item.all("certificate").filter_map(|item| certificate(item, context)).collect();
    let directory = item.first("certificates").and_then(|item| directory(item, context));
    let named = ["certificate", "certificates"].into_iter().any(|name| item.first(name).is_some());
    if item.whole && !named {
        context.error(
            Diagnostic::error(item.span, "`tls` needs a certificate")
                .help("add one: certificate \"example.pem\" key=\"example.key\""),
        );
    }
    let policy = match item.first("policy").and_then(|item| item.arg("policy")) {
        Some(Text { text: "modern", .. }) => TlsPolicy::Modern,
        _ => TlsPolicy::Compatible,
    };
    Tls {
        certificates,
        directory,
        unknown_name: unknown_name(item, context),
        policy,
        min_version: min_version(item, policy, context),
        client_auth: item.first("client-auth").and_then(|item| client_auth(item, context)),
        span: item.span,
    }
}

/// A directory has no first certificate: where it stands alone, unknown names are refused.
fn unknown_name(tls: &Item, context: &mut Context) -> UnknownName {
    let has_default = tls.first("certificate").is_some();
    match tls.first("unknown-name").and_then(|item| item.arg("answer")) {
        Some(Text { text: "refuse", .. }) => UnknownName::Refuse,
        Some(answer) if !has_default => {
            if tls.whole {
                context.error(
                    Diagnostic::error(answer.span, "there is no default certificate")
                        .help("the first `certificate` is the default; add one to `tls`"),
                );
            }
            UnknownName::Refuse
        }
        None if !has_default => UnknownName::Refuse,
        _ => UnknownName::Default,
    }
}

fn min_version(item: &Item, policy: TlsPolicy, context: &mut Context) -> TlsVersion {
    let written = item.first("min-version").and_then(|item| item.arg("version"));
    match (written, policy) {
        (Some(version), TlsPolicy::Modern) if version.text == "1.2" => {
            context.error(
                Diagnostic::error(version.span, "`policy \"modern\"` is TLS 1.3 only")
                    .help("leave this out, or use `policy \"compatible\"`"),
            );
            TlsVersion::Tls13
        }
        (Some(version), _) if version.text == "1.2" => TlsVersion::Tls12,
        (None, TlsPolicy::Compatible) => TlsVersion::Tls12,
        _ => TlsVersion::Tls13,
    }
}

fn certificate(item: &Item, context: &mut Context) -> Option<Certificate> {
    let pair = pair(item.arg("file")?, item.prop("key"), context);
    let ocsp = item.prop("ocsp").and_then(|ocsp| context.readable(ocsp));
    let (chain, key) = pair?;
    Some(Certificate { chain, key, ocsp, span: item.span })
}

/// A certificate and its key, which is in the same file where no other is named.
fn pair(
    chain: Text<'_>,
    key: Option<Text<'_>>,
    context: &mut Context,
) -> Option<(PathBuf, PathBuf)> {
    let chain = context.readable(chain);
    let key = match key {
        Some(key) => context.readable(key),
        None => chain.clone(),
    };
    Some((chain?, key?))
}

fn directory(item: &Item, context: &mut Context) -> Option<CertificateDirectory> {
    let text = item.arg("directory")?;
    let path = context.beside(text);
    if !path.is_dir() {
        let message = format!("{:?} is not a directory", path.display().to_string());
        context.error(Diagnostic::error(text.span, message));
        return None;
    }
    let loaded_max = item.integer("loaded-max").unwrap_or(10_000);
    Some(CertificateDirectory { path, loaded_max, span: item.span })
}

fn client_auth(item: &Item, context: &mut Context) -> Option<ClientAuth> {
    let mode = item.arg("mode")?;
    if mode.text == "none" {
        return None;
    }
    let Some(ca) = item.prop("ca") else {
        if item.whole {
            context.error(
                Diagnostic::error(mode.span, "somebody has to vouch for the clients")
                    .help("name the authorities: client-auth \"required\" ca=\"clients.pem\""),
            );
        }
        return None;
    };
    let ca = context.readable(ca);
    let crl = item.prop("crl").and_then(|crl| context.readable(crl));
    let header = item.prop("header").and_then(|text| editable(text, context));
    let header = header.unwrap_or_else(|| "Client-Cert".to_owned());
    let chain_header = item.prop("chain-header").and_then(|text| {
        let name = editable(text, context)?;
        if name.eq_ignore_ascii_case(&header) {
            let message = "a certificate and its chain need a field each";
            context.error(Diagnostic::error(text.span, message));
        }
        Some(name)
    });
    let required = mode.text == "required";
    Some(ClientAuth { required, ca: ca?, crl, header, chain_header, span: item.span })
}

pub(super) fn upstream(item: &Item, context: &mut Context) -> UpstreamTls {
    let verify = item.bool("verify").unwrap_or(true);
    let ca = item.prop("ca");
    if let (false, Some(ca)) = (verify, ca) {
        context.error(
            Diagnostic::error(ca.span, "nothing is verified, so nobody has to vouch for it")
                .help("leave out `ca`, or `verify=#false`"),
        );
    }
    let ca = ca.and_then(|ca| context.readable(ca));
    let certificate = own_certificate(item, context);
    let server_name = item.prop("server-name").filter(|name| is_name(*name, context));
    let pins = item.all("pin").flat_map(|pin| pin.arg_texts("key"));
    let pins = pins.filter_map(|text| pin(text, context)).collect();
    let server_name = server_name.map(|name| name.text.to_ascii_lowercase());
    UpstreamTls { server_name, ca, certificate, verify, pins, span: item.span }
}

fn own_certificate(item: &Item, context: &mut Context) -> Option<(PathBuf, PathBuf)> {
    let (chain, key) = (item.prop("certificate"), item.prop("key"));
    if let (None, Some(key)) = (chain, key)
        && item.whole
    {
        let error = Diagnostic::error(key.span, "a key needs its certificate");
        context.error(error.help("name it: tls certificate=\"own.pem\" key=\"own.key\""));
    }
    pair(chain?, key, context)
}

fn is_name(name: Text<'_>, context: &mut Context) -> bool {
    let is_address = name.text.parse::<std::net::IpAddr>().is_ok();
    match super::host::check_name(name.text) {
        Err(reason) if !is_address => {
            let message = format!("{:?}: {reason}", name.text);
            context.error(Diagnostic::error(name.span, message));
            false
        }
        _ => true,
    }
}

fn pin(text: Text<'_>, context: &mut Context) -> Option<[u8; 32]> {
    let pin = text.text.strip_prefix("sha256/").and_then(base64_32);
    if pin.is_none() {
        context.error(
            Diagnostic::error(text.span, format!("{:?} is not the hash of a key", text.text)).help(
                "make it with: openssl x509 -in server.pem -noout -pubkey | openssl pkey \
                 -pubin -outform der | openssl dgst -sha256 -binary | base64",
            ),
        );
    }
    pin
}

/// 32 bytes in Base64 (RFC 4648 §4), with or without the padding.
fn base64_32(text: &str) -> Option<[u8; 32]> {
    let digits = text.strip_suffix('=').unwrap_or(text).as_bytes();
    if digits.len() != 43 {
        return None;
    }
    let (mut bits, mut count, mut out) = (0_u32, 0, Vec::new());
    for digit in digits {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count & 0xff) as u8);
        }
    }
    out.try_into().ok()
}

pub(super) fn hsts(item: &Item, context: &mut Context) -> Hsts {
    let max_age = item.duration("max-age").unwrap_or(PRELOAD_AGE_MIN);
    let subdomains = item.bool("subdomains").unwrap_or(false);
    let preload = item.bool("preload").unwrap_or(false);
    if preload && !(subdomains && max_age >= PRELOAD_AGE_MIN) {
        context.error(
            Diagnostic::error(item.span, "`preload` needs `subdomains=#true` and a year")
                .help("write: hsts max-age=\"365d\" subdomains=#true preload=#true"),
        );
    }
    Hsts { max_age, subdomains, preload, span: item.span }
}

pub(super) fn redirect_https(item: &Item) -> RedirectHttps {
    let port = item.integer("port").unwrap_or(443);
    let status = item.integer("status").unwrap_or(308);
    RedirectHttps { port, status, span: item.span }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_a_hash() {
        let zeros = "A".repeat(43);
        assert_eq!(base64_32(&zeros), Some([0; 32]));
        assert_eq!(base64_32(&format!("{zeros}=")), Some([0; 32]));
        let ones = format!("{}8=", "/".repeat(42));
        assert_eq!(base64_32(&ones), Some([0xff; 32]));
        for bad in ["", "A", &"A".repeat(44), &"-".repeat(43)] {
            assert_eq!(base64_32(bad), None, "{bad}");
        }
    }
}
