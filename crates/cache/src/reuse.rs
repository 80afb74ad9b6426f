//! Whether a stored response may answer a request (RFC 9111 §4).

use crate::date::Seconds;
use crate::directives::RequestDirectives;
use crate::storable::Terms;

/// How a stored response may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// As it is.
    Fresh,
    /// Stale as it is, since the client says so.
    Stale,
    /// Stale as it is, while it is validated beside (RFC 5861 §3).
    WhileRevalidate,
    /// After validation only.
    Validate,
}

/// How a stored response may be used for a request (§4.2, §5.2.1).
#[must_use]
pub fn reuse(terms: &Terms, request: &RequestDirectives, now: Seconds) -> Reuse {
    if terms.no_cache || request.no_cache {
        return Reuse::Validate;
    }
    let age = terms.age_s(now);
    if request.max_age_s.is_some_and(|most| age > most) && request.max_stale_s.is_none() {
        return Reuse::Validate;
    }
    if terms.is_fresh(now) {
        let left = terms.lifetime_s - age;
        let is_enough = request.min_fresh_s.is_none_or(|least| left >= least);
        return if is_enough { Reuse::Fresh } else { Reuse::Validate };
    }
    if terms.must_revalidate || request.min_fresh_s.is_some() {
        return Reuse::Validate;
    }
    let staleness = age.saturating_sub(terms.lifetime_s);
    if request.max_stale_s.is_some_and(|most| staleness <= most) {
        return Reuse::Stale;
    }
    if staleness < terms.stale_while_revalidate_s && request.max_age_s.is_none() {
        return Reuse::WhileRevalidate;
    }
    Reuse::Validate
}

/// Whether a response that has just been fetched for one request answers others that waited for
/// it: as it would if it had been stored before they came (§4). What clients want to be validated
/// has been, a moment ago.
#[must_use]
pub fn may_be_shared(terms: &Terms, now: Seconds) -> bool {
    reuse(terms, &RequestDirectives::default(), now) != Reuse::Validate
}

/// Whether a stored response may be used where its validation has failed, by leave of the response
/// or of the request (RFC 5861 §4).
#[must_use]
pub fn may_stand_in(terms: &Terms, request: &RequestDirectives, now: Seconds) -> bool {
    if terms.no_cache || terms.must_revalidate || request.no_cache {
        return false;
    }
    let staleness = terms.age_s(now).saturating_sub(terms.lifetime_s);
    let wanted_s = request.stale_if_error_s.unwrap_or(0);
    terms.is_fresh(now) || staleness < terms.stale_if_error_s.max(wanted_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: Terms = Terms {
        received: 1000,
        age_on_receipt_s: 10,
        lifetime_s: 60,
        stale_while_revalidate_s: 5,
        stale_if_error_s: 100,
        no_cache: false,
        must_revalidate: false,
    };

    const PLAIN: RequestDirectives = RequestDirectives {
        no_store: false,
        no_cache: false,
        only_if_cached: false,
        max_age_s: None,
        max_stale_s: None,
        min_fresh_s: None,
        stale_if_error_s: None,
    };

    #[test]
    fn by_age() {
        let at = |now| reuse(&TERMS, &PLAIN, now);
        assert_eq!(at(1049), Reuse::Fresh);
        assert_eq!(at(1050), Reuse::WhileRevalidate);
        assert_eq!(at(1054), Reuse::WhileRevalidate);
        assert_eq!(at(1055), Reuse::Validate);
        assert!(may_stand_in(&TERMS, &PLAIN, 1149));
        assert!(!may_stand_in(&TERMS, &PLAIN, 1150));
        let wanted = RequestDirectives { stale_if_error_s: Some(101), ..PLAIN };
        assert!(may_stand_in(&TERMS, &wanted, 1150));
        assert!(may_be_shared(&TERMS, 1050) && !may_be_shared(&TERMS, 1055));
    }

    #[test]
    fn by_what_the_response_forbids() {
        let no_cache = Terms { no_cache: true, ..TERMS };
        assert_eq!(reuse(&no_cache, &PLAIN, 1001), Reuse::Validate);
        let strict = Terms { must_revalidate: true, ..TERMS };
        assert_eq!(reuse(&strict, &PLAIN, 1049), Reuse::Fresh);
        let any = RequestDirectives { max_stale_s: Some(1000), ..PLAIN };
        assert_eq!(reuse(&strict, &any, 1050), Reuse::Validate);
        assert!(!may_stand_in(&strict, &PLAIN, 1050));
        let wanted = RequestDirectives { stale_if_error_s: Some(100), ..PLAIN };
        assert!(!may_stand_in(&strict, &wanted, 1050));
        assert!(!may_be_shared(&no_cache, 1001) && !may_be_shared(&strict, 1050));
    }

    #[test]
    fn by_what_the_request_wants() {
        let with = |change: fn(&mut RequestDirectives), now| {
            let mut request = PLAIN;
            change(&mut request);
            reuse(&TERMS, &request, now)
        };
        assert_eq!(with(|r| r.no_cache = true, 1001), Reuse::Validate);
        assert_eq!(with(|r| r.max_age_s = Some(20), 1010), Reuse::Fresh);
        assert_eq!(with(|r| r.max_age_s = Some(20), 1011), Reuse::Validate);
        assert_eq!(with(|r| r.min_fresh_s = Some(40), 1010), Reuse::Fresh);
        assert_eq!(with(|r| r.min_fresh_s = Some(41), 1010), Reuse::Validate);
        assert_eq!(with(|r| r.max_stale_s = Some(10), 1060), Reuse::Stale);
        assert_eq!(with(|r| r.max_stale_s = Some(10), 1061), Reuse::Validate);
    }
}
