//! Whether a response may be stored, and on what terms (RFC 9111 §3).

use http1::{Headers, Known, Method, RequestHead, ResponseHead};

use crate::date::Seconds;
use crate::directives::{RequestDirectives, ResponseDirectives};
use crate::freshness::{self, Times};
use crate::targeted;

/// What the operator wants of a route's responses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// The lifetime of responses that give themselves none, in seconds.
    pub ttl_s: Option<u32>,
    /// The lifetime of all responses, whatever they say, in seconds.
    pub override_ttl_s: Option<u32>,
    /// The lifetime of errors that give themselves none, in seconds.
    pub error_ttl_s: Option<u32>,
    /// Use while validating, for responses that do not say, in seconds.
    pub stale_while_revalidate_s: Option<u32>,
    /// Use where validation fails, for responses that do not say, in seconds.
    pub stale_if_error_s: Option<u32>,
    /// Responses to POST are known by what was posted, so that they answer the same POST.
    pub is_post_keyed: bool,
    /// The origin is shown who the client has proved to be.
    pub shows_identity: bool,
}

/// On what terms a response is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// When it came.
    pub received: Seconds,
    /// Its age then, in seconds.
    pub age_on_receipt_s: u32,
    /// How long it is fresh, in seconds.
    pub lifetime_s: u32,
    /// How long it may be used stale while it is validated, in seconds.
    pub stale_while_revalidate_s: u32,
    /// How long it may be used stale where validation fails, in seconds.
    pub stale_if_error_s: u32,
    /// It may not be used without validation.
    pub no_cache: bool,
    /// It may not be used stale.
    pub must_revalidate: bool,
}

impl Terms {
    /// Its age, in seconds (§4.2.3).
    #[must_use]
    pub fn age_s(&self, now: Seconds) -> u32 {
        let resident = u32::try_from(now.saturating_sub(self.received)).unwrap_or(u32::MAX);
        self.age_on_receipt_s.saturating_add(resident)
    }

    /// When it was made, as far as its age tells.
    #[must_use]
    pub fn made(&self) -> Seconds {
        self.received.saturating_sub(Seconds::from(self.age_on_receipt_s))
    }

    /// The same with a lifetime that has ended now, if it had not before.
    #[must_use]
    pub fn ended(&self, now: Seconds) -> Self {
        Self { lifetime_s: self.lifetime_s.min(self.age_s(now).saturating_sub(1)), ..*self }
    }

    /// Whether it is within its lifetime (§4.2).
    #[must_use]
    pub fn is_fresh(&self, now: Seconds) -> bool {
        self.lifetime_s > self.age_s(now)
    }

    /// How long it will be fresh, in seconds; how long it has not been, below zero.
    #[must_use]
    pub fn ttl_s(&self, now: Seconds) -> i64 {
        i64::from(self.lifetime_s) - i64::from(self.age_s(now))
    }
}

/// Why a response is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotStored {
    /// Responses to this method are not reused.
    Method,
    /// The request says `no-store`.
    RequestNoStore,
    /// The response says `no-store`.
    NoStore,
    /// It is for one user.
    Private,
    /// The request has credentials, and the response does not say that it is for all.
    Authorization,
    /// It varies by what no request shows.
    VaryStar,
    /// Its status is not one that is reused.
    Status,
    /// It must be understood, and its status is not.
    NotUnderstood,
    /// It has neither a lifetime nor a validator.
    NoFreshness,
    /// It sets a cookie, and gives itself no lifetime.
    SetCookie,
}

impl NotStored {
    /// The word for it in metrics, logs and `Cache-Status`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::RequestNoStore => "request-no-store",
            Self::NoStore => "no-store",
            Self::Private => "private",
            Self::Authorization => "authorization",
            Self::VaryStar => "vary-star",
            Self::Status => "status",
            Self::NotUnderstood => "not-understood",
            Self::NoFreshness => "no-freshness",
            Self::SetCookie => "set-cookie",
        }
    }

    /// Whether it is because of this one request: another one may fare better.
    #[must_use]
    pub const fn is_of_the_request(self) -> bool {
        matches!(self, Self::RequestNoStore | Self::Authorization)
    }

    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Method,
        Self::RequestNoStore,
        Self::NoStore,
        Self::Private,
        Self::Authorization,
        Self::VaryStar,
        Self::Status,
        Self::NotUnderstood,
        Self::NoFreshness,
        Self::SetCookie,
    ];
}

/// A response that may be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storable {
    /// On what terms.
    pub terms: Terms,
    /// Fields that may not be kept.
    pub fields_left_out: Vec<Vec<u8>>,
}

/// Whether the response to a request may be stored by a shared cache, and on what terms.
///
/// # Errors
/// Why not.
pub fn storable(
    request: &RequestHead,
    response: &ResponseHead,
    times: Times,
    policy: &Policy,
) -> Result<Storable, NotStored> {
    let (directives, targeted) = targeted::directives(&response.headers);
    if RequestDirectives::read(&request.headers).no_store {
        return Err(NotStored::RequestNoStore);
    }
    check((request, policy), response, &directives)?;
    let explicit = freshness::explicit_s(&response.headers, &directives, targeted, times);
    if request.method == Method::Post {
        check_post(response, explicit, policy)?;
    }
    let lifetime_s = lifetime_s(response, &directives, (explicit, times), policy)?;
    let age = freshness::age_on_receipt(&response.headers, times);
    let sets_cookie = response.headers.contains(Known::SetCookie) && explicit.is_none();
    if sets_cookie && policy.override_ttl_s.is_none() {
        return Err(NotStored::SetCookie);
    }
    let mut fields_left_out = directives.fields;
    if sets_cookie {
        // The operator knows that the content is for all; the cookie is not.
        fields_left_out.push(b"set-cookie".to_vec());
    }
    let no_stale = directives.must_revalidate
        || directives.proxy_revalidate
        || directives.s_maxage_s.is_some();
    let or = |own: Option<u32>, set: Option<u32>| own.or(set).unwrap_or(0);
    Ok(Storable {
        terms: Terms {
            received: times.response,
            age_on_receipt_s: age.unwrap_or(lifetime_s),
            lifetime_s,
            stale_while_revalidate_s: or(
                directives.stale_while_revalidate_s,
                policy.stale_while_revalidate_s,
            ),
            stale_if_error_s: or(directives.stale_if_error_s, policy.stale_if_error_s),
            no_cache: directives.no_cache,
            must_revalidate: no_stale,
        },
        fields_left_out,
    })
}

/// Whether a response names its lifetime itself.
#[must_use]
pub fn names_lifetime(response: &Headers, times: Times) -> bool {
    let (directives, targeted) = targeted::directives(response);
    freshness::explicit_s(response, &directives, targeted, times).is_some()
}

/// The prohibitions of §3, in the order in which it makes sense to tell of them.
fn check(
    (request, policy): (&RequestHead, &Policy),
    response: &ResponseHead,
    directives: &ResponseDirectives,
) -> Result<(), NotStored> {
    if !matches!(request.method, Method::Get | Method::Head | Method::Post) {
        return Err(NotStored::Method);
    }
    if directives.must_understand && !is_understood(response.status) {
        return Err(NotStored::NotUnderstood);
    }
    // Who understands the status may go past `no-store` (§5.2.2.3).
    if directives.no_store && !directives.must_understand {
        return Err(NotStored::NoStore);
    }
    if directives.private {
        return Err(NotStored::Private);
    }
    let is_for_all =
        directives.public || directives.must_revalidate || directives.s_maxage_s.is_some();
    // Who proves by a certificate who they are is one user like one with credentials; RFC 9440 §2.4
    // has `Vary` for that.
    let shows_certificate = request.headers.contains(Known::ClientCert) || policy.shows_identity;
    let is_for_one = request.headers.contains(Known::Authorization)
        || shows_certificate && !varies_by(&response.headers, b"client-cert");
    if is_for_one && !is_for_all {
        return Err(NotStored::Authorization);
    }
    if matches!(response.status, ..200 | 206 | 304 | 416) {
        return Err(NotStored::Status);
    }
    if varies_by(&response.headers, b"*") {
        return Err(NotStored::VaryStar);
    }
    Ok(())
}

/// A response to POST answers later GETs only where it says where it is and how long it lives
/// (RFC 9110 §9.3.3); whether it is there is for the caller to see. One that answers the same POST
/// has its lifetime from the origin or the operator: none is guessed.
fn check_post(
    response: &ResponseHead,
    explicit: Option<u32>,
    policy: &Policy,
) -> Result<(), NotStored> {
    if policy.is_post_keyed {
        let set = if response.status >= 400 { policy.error_ttl_s } else { policy.ttl_s };
        let has_lifetime = explicit.or(policy.override_ttl_s).or(set).is_some();
        return if has_lifetime { Ok(()) } else { Err(NotStored::NoFreshness) };
    }
    let is_elsewhere = response.headers.contains(Known::ContentLocation);
    if explicit.is_some() && is_elsewhere { Ok(()) } else { Err(NotStored::Method) }
}

fn lifetime_s(
    response: &ResponseHead,
    directives: &ResponseDirectives,
    (explicit, times): (Option<u32>, Times),
    policy: &Policy,
) -> Result<u32, NotStored> {
    if let Some(lifetime) = policy.override_ttl_s.or(explicit) {
        return Ok(lifetime);
    }
    let may_guess = directives.public || is_reusable_by_default(response.status);
    let error_ttl_s = policy.error_ttl_s.filter(|_| !is_about_the_request(response.status));
    let ttl = if response.status >= 400 { error_ttl_s } else { policy.ttl_s };
    match ttl {
        Some(ttl) if may_guess || response.status >= 400 => return Ok(ttl),
        _ => {}
    }
    if !may_guess {
        return Err(NotStored::Status);
    }
    let guess = freshness::heuristic_s(&response.headers, times);
    // What can never be used again is not worth its place.
    if guess == 0 && !has_validator(&response.headers) {
        return Err(NotStored::NoFreshness);
    }
    Ok(guess)
}

/// Whether a response can be validated (RFC 9110 §8.8).
#[must_use]
pub fn has_validator(headers: &Headers) -> bool {
    headers.contains(Known::Etag) || headers.contains(Known::LastModified)
}

fn varies_by(headers: &Headers, field: &[u8]) -> bool {
    let mut names = headers.values(Known::Vary).flat_map(|value| value.split(|b| *b == b','));
    names.any(|name| name.trim_ascii().eq_ignore_ascii_case(field))
}

/// Statuses whose lifetime may be guessed (RFC 9110 §15.1).
const fn is_reusable_by_default(status: u16) -> bool {
    matches!(status, 200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}

/// Errors that say something of this one request, its fields or its client, and nothing of what
/// others would get for the URI. Kept on the word of the operator alone, anybody could put one in
/// the way of all.
const fn is_about_the_request(status: u16) -> bool {
    matches!(
        status,
        400 | 401 | 406..=408 | 411..=413 | 415..=417 | 421 | 422 | 425 | 426 | 428 | 429 | 431
    )
}

/// Statuses whose rules this cache knows and keeps.
const fn is_understood(status: u16) -> bool {
    matches!(
        status,
        200..=205 | 300..=303 | 307 | 308 | 400..=417 | 421 | 422 | 426 | 428 | 429 | 431 | 451
            | 500..=505
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(
        request: &[(&str, &str)],
        status: u16,
        fields: &[(&str, &str)],
    ) -> Result<Terms, NotStored> {
        let mut head = RequestHead::default();
        for (name, value) in request {
            head.headers.push(name.as_bytes(), value.as_bytes());
        }
        let mut response = ResponseHead { status, ..ResponseHead::default() };
        for (name, value) in fields {
            response.headers.push(name.as_bytes(), value.as_bytes());
        }
        let times = Times { request: 100, response: 100 };
        storable(&head, &response, times, &Policy::default()).map(|storable| storable.terms)
    }

    #[test]
    fn a_certificate_is_a_credential() {
        let fresh = ("Cache-Control", "max-age=60");
        let shown = [("Client-Cert", ":AA==:")];
        assert_eq!(ask(&shown, 200, &[fresh]), Err(NotStored::Authorization));
        assert!(ask(&shown, 200, &[fresh, ("Vary", "Client-Cert")]).is_ok());
        assert!(ask(&shown, 200, &[fresh, ("Cache-Control", "public")]).is_ok());
        let policy = Policy { shows_identity: true, ..Policy::default() };
        let mut response = ResponseHead { status: 200, ..ResponseHead::default() };
        response.headers.push(b"Cache-Control", b"max-age=60");
        let times = Times { request: 100, response: 100 };
        let judged = storable(&RequestHead::default(), &response, times, &policy);
        assert_eq!(judged, Err(NotStored::Authorization));
    }

    #[test]
    fn an_answer_to_post_needs_a_lifetime() {
        let keyed = Policy { is_post_keyed: true, ..Policy::default() };
        let post = |fields: &[(&str, &str)], policy: &Policy, status| {
            let head = RequestHead { method: Method::Post, ..RequestHead::default() };
            let mut response = ResponseHead { status, ..ResponseHead::default() };
            for (name, value) in fields {
                response.headers.push(name.as_bytes(), value.as_bytes());
            }
            let times = Times { request: 100, response: 100 };
            storable(&head, &response, times, policy).map(|storable| storable.terms.lifetime_s)
        };
        let fresh = ("Cache-Control", "max-age=60");
        assert_eq!(post(&[fresh], &keyed, 200), Ok(60));
        assert_eq!(post(&[fresh], &Policy::default(), 200), Err(NotStored::Method));
        let modified = ("Last-Modified", "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(post(&[modified], &keyed, 200), Err(NotStored::NoFreshness));
        let ttl = Policy { ttl_s: Some(5), ..keyed };
        assert_eq!(post(&[modified], &ttl, 200), Ok(5));
        assert_eq!(post(&[modified], &ttl, 500), Err(NotStored::NoFreshness));
        assert_eq!(post(&[modified], &Policy { error_ttl_s: Some(7), ..keyed }, 500), Ok(7));
    }

    #[test]
    fn what_may_not_be_stored() {
        let fresh = ("Cache-Control", "max-age=60");
        assert!(ask(&[], 200, &[fresh]).is_ok());
        let no = |request: &[(&str, &str)], status, fields: &[(&str, &str)], why| {
            assert_eq!(ask(request, status, fields), Err(why), "{request:?} {status} {fields:?}");
        };
        no(&[("Cache-Control", "no-store")], 200, &[fresh], NotStored::RequestNoStore);
        no(&[], 200, &[fresh, ("Cache-Control", "no-store")], NotStored::NoStore);
        no(&[], 200, &[fresh, ("Cache-Control", "private")], NotStored::Private);
        no(&[("Authorization", "x")], 200, &[fresh], NotStored::Authorization);
        no(&[], 200, &[fresh, ("Vary", "a, *")], NotStored::VaryStar);
        no(&[], 206, &[fresh], NotStored::Status);
        no(&[], 201, &[("Last-Modified", "Thu, 01 Jan 1970 00:00:00 GMT")], NotStored::Status);
        no(&[], 599, &[fresh, ("Cache-Control", "must-understand")], NotStored::NotUnderstood);
        no(&[], 200, &[], NotStored::NoFreshness);
        no(&[], 200, &[("ETag", "\"a\""), ("Set-Cookie", "a=b")], NotStored::SetCookie);
    }

    #[test]
    fn what_may_be_stored_after_all() {
        for directive in ["public", "must-revalidate", "s-maxage=5"] {
            let fields = [("Cache-Control", "max-age=60"), ("Cache-Control", directive)];
            assert!(ask(&[("Authorization", "x")], 200, &fields).is_ok(), "{directive}");
        }
        assert!(ask(&[], 599, &[("Cache-Control", "max-age=60")]).is_ok());
        assert!(
            ask(&[], 200, &[("Cache-Control", "no-store, must-understand, max-age=1")]).is_ok()
        );
        assert!(ask(&[], 200, &[("ETag", "\"a\"")]).is_ok_and(|terms| terms.lifetime_s == 0));
    }

    #[test]
    fn errors_of_one_request_have_no_lifetime_by_the_operator() {
        let policy = Policy { error_ttl_s: Some(10), ..Policy::default() };
        let times = Times { request: 100, response: 100 };
        let lifetime = |status| {
            let response = ResponseHead { status, ..ResponseHead::default() };
            let storable = storable(&RequestHead::default(), &response, times, &policy);
            storable.map(|storable| storable.terms.lifetime_s).ok()
        };
        for status in [403, 404, 405, 410, 414, 451, 500, 502, 503] {
            assert_eq!(lifetime(status), Some(10), "{status}");
        }
        for status in [400, 401, 406, 407, 408, 411, 412, 413, 415, 416, 417, 421, 422, 429, 431] {
            assert_eq!(lifetime(status), None, "{status}");
        }
    }

    #[test]
    fn a_doubtful_age_makes_a_response_stale() {
        let terms = ask(&[], 200, &[("Cache-Control", "max-age=60"), ("Age", "x")]).unwrap();
        assert!(!terms.is_fresh(100));
    }
}
