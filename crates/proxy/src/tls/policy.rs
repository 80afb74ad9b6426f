//! Versions, cipher suites and groups by their policy.

use std::sync::Arc;

use config::{TlsPolicy, TlsVersion};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::version::{TLS12, TLS13};
use rustls::{ProtocolVersion, SupportedProtocolVersion};

/// What rustls is to use: every suite it has is authenticated and forward secret, so a policy
/// decides versions and groups. X25519MLKEM768, which withstands a quantum computer, goes first.
pub(super) fn provider(policy: TlsPolicy) -> Arc<CryptoProvider> {
    let mut provider = aws_lc_rs::default_provider();
    if policy == TlsPolicy::Modern {
        provider.cipher_suites.retain(|suite| suite.version().version == ProtocolVersion::TLSv1_3);
    }
    Arc::new(provider)
}

static FROM_1_2: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
static FROM_1_3: &[&SupportedProtocolVersion] = &[&TLS13];

/// The versions from `min_version` on.
pub(super) fn versions(min_version: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    match min_version {
        TlsVersion::Tls12 => FROM_1_2,
        TlsVersion::Tls13 => FROM_1_3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::NamedGroup;

    #[test]
    fn the_hybrid_group_goes_first() {
        for policy in [TlsPolicy::Compatible, TlsPolicy::Modern] {
            let provider = provider(policy);
            let groups: Vec<_> = provider.kx_groups.iter().map(|group| group.name()).collect();
            assert_eq!(groups.first(), Some(&NamedGroup::X25519MLKEM768));
            assert!(
                groups.contains(&NamedGroup::X25519) && groups.contains(&NamedGroup::secp256r1)
            );
        }
    }

    #[test]
    fn modern_has_no_suite_of_1_2() {
        let suites = |policy| provider(policy).cipher_suites.len();
        assert_eq!(suites(TlsPolicy::Modern), 3);
        assert_eq!(suites(TlsPolicy::Compatible), 9);
    }
}
