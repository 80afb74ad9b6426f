//! Sitemaps (sitemaps.org, version 0.9): the URLs that a site wants to be found by, and indexes of
//! further sitemaps. Whatever one says, it is bounded: in bytes, in number, in depth.

use std::collections::{HashSet, VecDeque};
use std::io::Read;
use std::time::Duration;

use control::{Dialer, Fetcher};
use http::header::{ACCEPT, ACCEPT_ENCODING, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Uri};
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, Event};
use tokio::time::timeout;

use super::fields::AGENT;
use super::list::{URL_BYTES_MAX, Urls};
use super::progress;
use super::tally::{Outcome, Tally};
use crate::command::Failure;

/// Bytes of one sitemap, as the protocol has it.
const SITEMAP_BYTES_MAX: usize = 50 << 20;

/// Sitemaps in all, as the protocol has it for one index.
const SITEMAPS_MAX: usize = 50_000;

/// Indexes in indexes. The protocol knows none at all, and sites have them.
const DEPTH_MAX: usize = 3;

/// Elements within each other.
const ELEMENTS_MAX: usize = 32;

/// What compressed data begins with (RFC 1952 §2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Gathers the URLs of a sitemap and of those that it names. One of these that cannot be used is
/// a failure beside others; the first one ends it all.
pub(super) async fn gather(
    (dialer, total_timeout): (&Dialer, Duration),
    first: &str,
    (urls, tally): (&mut Urls, &mut Tally),
) -> Result<(), Failure> {
    let fail = |error: String| Failure::failed(format!("the sitemap {first}: {error}"));
    let mut source = Source { fetcher: Fetcher::new(dialer), total_timeout };
    let text = if first.contains("://") { source.fetch(first).await } else { read(first) };
    let mut waiting = VecDeque::new();
    let mut found = Found { urls, waiting: &mut waiting, known: HashSet::new(), depth: 1 };
    text.and_then(|text| found.take(&text)).map_err(fail)?;
    let mut known = found.known;
    while let Some((url, depth)) = waiting.pop_front() {
        let text = source.fetch(&url).await;
        let mut found = Found { urls, waiting: &mut waiting, known, depth: depth + 1 };
        let taken = text.and_then(|text| found.take(&text));
        known = found.known;
        let failed = taken.err().and_then(|error| tally.note(Outcome::Broken(error)));
        if let Some(reason) = failed {
            progress::say(&format!("the sitemap {url}: {reason}"));
        }
    }
    Ok(())
}

/// Where sitemaps come from.
struct Source<'a> {
    fetcher: Fetcher<'a>,
    total_timeout: Duration,
}

impl Source<'_> {
    async fn fetch(&mut self, url: &str) -> Result<Vec<u8>, String> {
        let limit = self.total_timeout;
        let fetched = timeout(limit, self.fetch_all(url)).await;
        fetched.unwrap_or_else(|_elapsed| Err(format!("it took longer than {limit:?}")))
    }

    async fn fetch_all(&mut self, url: &str) -> Result<Vec<u8>, String> {
        let uri: Uri = url.parse().map_err(|_| "this is no URL".to_owned())?;
        let mut fields = HeaderMap::new();
        fields.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        fields.insert(ACCEPT, HeaderValue::from_static("application/xml, text/xml, */*;q=0.5"));
        fields.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let response = self.fetcher.get(&uri, &fields).await?;
        let status = response.status();
        match response.headers().get(LOCATION).filter(|_| status.is_redirection()) {
            Some(place) => {
                let (status, place) = (status.as_u16(), String::from_utf8_lossy(place.as_bytes()));
                Err(format!("HTTP status {status}; name it where it is, at {place}"))
            }
            None => self.fetcher.content(response, SITEMAP_BYTES_MAX).await,
        }
    }
}

fn read(file: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).map_err(|error| error.to_string())?;
    let read = opened.take(SITEMAP_BYTES_MAX as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| error.to_string())?;
    if bytes.len() > SITEMAP_BYTES_MAX {
        return Err(format!("it is longer than {SITEMAP_BYTES_MAX} bytes"));
    }
    Ok(bytes)
}

/// Where what a sitemap has goes to.
struct Found<'a> {
    urls: &'a mut Urls,
    waiting: &'a mut VecDeque<(String, usize)>,
    /// Sitemaps that were named, so that none is read twice.
    known: HashSet<String>,
    /// How deep in indexes this one stands, from one.
    depth: usize,
}

impl Found<'_> {
    /// Takes what stands in a sitemap.
    fn take(&mut self, text: &[u8]) -> Result<(), String> {
        if text.starts_with(&GZIP) {
            return Err("it is compressed, which is not read here; unpack it first".to_owned());
        }
        locations(text, |kind, location| match kind {
            Kind::Page => self.urls.push(location),
            Kind::Sitemap if self.depth > DEPTH_MAX => {
                Err(format!("there are more than {DEPTH_MAX} indexes within each other"))
            }
            Kind::Sitemap if self.known.len() >= SITEMAPS_MAX => {
                Err(format!("there are more than {SITEMAPS_MAX} sitemaps"))
            }
            Kind::Sitemap => {
                if self.known.insert(location.to_owned()) {
                    self.waiting.push_back((location.to_owned(), self.depth));
                }
                Ok(())
            }
        })
    }
}

/// What a location leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Page,
    Sitemap,
}

/// Calls `take` with the text of each `urlset/url/loc` and `sitemapindex/sitemap/loc`. Elements of
/// the same name elsewhere, as of images, mean something else.
fn locations(
    text: &[u8],
    mut take: impl FnMut(Kind, &str) -> Result<(), String>,
) -> Result<(), String> {
    let mut reader = Reader::from_reader(text);
    let mut path: Vec<Vec<u8>> = Vec::new();
    let mut location: Option<(Kind, String)> = None;
    let mut is_sitemap = false;
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        let event = reader.read_event_into(&mut buffer);
        let at = reader.buffer_position();
        let broken = |error: String| format!("it is no XML, at byte {at}: {error}");
        match event.map_err(|error| broken(error.to_string()))? {
            Event::Start(element) => {
                path.push(element.local_name().as_ref().to_vec());
                if path.len() > ELEMENTS_MAX {
                    return Err(format!("elements stand more than {ELEMENTS_MAX} deep"));
                }
                is_sitemap |= path.len() == 1 && is_root(element.local_name().as_ref());
                location = kind_of(&path).map(|kind| (kind, String::new())).or(location);
            }
            Event::End(_) => {
                if let Some((kind, location)) = location.take_if(|_| kind_of(&path).is_some()) {
                    take(kind, location.trim())?;
                }
                path.pop();
            }
            Event::Text(text) => {
                let text = text.decode().map_err(|error| broken(error.to_string()))?;
                push(&mut location, &text)?;
            }
            Event::CData(text) => {
                let text = text.decode().map_err(|error| broken(error.to_string()))?;
                push(&mut location, &text)?;
            }
            Event::GeneralRef(reference) => {
                let text =
                    resolve(&reference).ok_or_else(|| broken("an unknown entity".to_owned()))?;
                push(&mut location, &text)?;
            }
            Event::Eof => break,
            Event::Empty(element) => {
                is_sitemap |= path.is_empty() && is_root(element.local_name().as_ref());
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
    match (is_sitemap, path.is_empty()) {
        (false, _) => {
            Err("it is no sitemap: there is neither `urlset` nor `sitemapindex`".to_owned())
        }
        (true, false) => Err("it ends too early".to_owned()),
        (true, true) => Ok(()),
    }
}

fn is_root(name: &[u8]) -> bool {
    matches!(name, b"urlset" | b"sitemapindex")
}

/// The kind of a location, where the path ends at one.
fn kind_of(path: &[Vec<u8>]) -> Option<Kind> {
    let [root, entry, leaf] = path else { return None };
    match (root.as_slice(), entry.as_slice(), leaf.as_slice()) {
        (b"urlset", b"url", b"loc") => Some(Kind::Page),
        (b"sitemapindex", b"sitemap", b"loc") => Some(Kind::Sitemap),
        _ => None,
    }
}

fn push(location: &mut Option<(Kind, String)>, text: &str) -> Result<(), String> {
    let Some((_, location)) = location else { return Ok(()) };
    location.push_str(text);
    if location.len() > URL_BYTES_MAX {
        return Err(format!("a location is longer than {URL_BYTES_MAX} bytes"));
    }
    Ok(())
}

/// What a reference stands for; entities of the document's own are not known, so that none can
/// grow.
fn resolve(reference: &BytesRef<'_>) -> Option<String> {
    if let Some(character) = reference.resolve_char_ref().ok()? {
        return Some(character.to_string());
    }
    resolve_predefined_entity(&reference.decode().ok()?).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Vec<(Kind, String)>, String> {
        let mut found = Vec::new();
        let taken = locations(text.as_bytes(), |kind, location| {
            found.push((kind, location.to_owned()));
            Ok(())
        });
        taken.map(|()| found)
    }

    #[test]
    fn locations_of_pages_and_of_sitemaps() {
        let text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
                    <urlset xmlns=\"x\" xmlns:image=\"y\">\
                    <url><loc> http://a/?b&amp;c&#61;d </loc><lastmod>2026</lastmod>\
                    <image:image><image:loc>http://a/i.png</image:loc></image:image></url>\
                    <url><loc><![CDATA[http://a/<x>]]></loc></url></urlset>";
        let page = |url: &str| (Kind::Page, url.to_owned());
        assert_eq!(read_text(text).unwrap(), [page("http://a/?b&c=d"), page("http://a/<x>")]);
        let index = "<s:sitemapindex xmlns:s='x'><s:sitemap><s:loc>http://a/1.xml</s:loc>\
                     </s:sitemap></s:sitemapindex>";
        assert_eq!(read_text(index).unwrap(), [(Kind::Sitemap, "http://a/1.xml".to_owned())]);
        assert_eq!(read_text("<urlset/>").unwrap(), []);
    }

    #[test]
    fn what_is_no_sitemap_is_told() {
        let deep = "<a>".repeat(ELEMENTS_MAX + 1);
        let long = format!("<urlset><url><loc>{}", "x".repeat(URL_BYTES_MAX + 1));
        for (text, why) in [
            ("", "neither"),
            ("not XML", "neither"),
            ("<html></html>", "neither"),
            ("<urlset><url></urlset>", "no XML"),
            ("<urlset><url>", "too early"),
            ("<!DOCTYPE x [<!ENTITY e 'x'>]><urlset><url><loc>&e;</loc></url></urlset>", "entity"),
            (&deep, "deep"),
            (&long, "longer than"),
        ] {
            let error = read_text(text).unwrap_err();
            assert!(error.contains(why), "{text:?}: {error}");
        }
    }

    #[test]
    fn what_a_sitemap_names_is_bounded() {
        let index = "<sitemapindex><sitemap><loc>http://a/1.xml</loc></sitemap></sitemapindex>";
        let take = |depth: usize, text: &[u8]| {
            let (mut urls, mut waiting) = (Urls::new(1), VecDeque::new());
            let known = HashSet::new();
            let mut found = Found { urls: &mut urls, waiting: &mut waiting, known, depth };
            found.take(text).and_then(|()| found.take(text)).map(|()| waiting.len())
        };
        assert_eq!(take(1, index.as_bytes()), Ok(1), "what is known is not read twice");
        assert!(take(DEPTH_MAX + 1, index.as_bytes()).unwrap_err().contains("within each other"));
        assert!(take(1, &GZIP).unwrap_err().contains("compressed"));
        let page = b"<urlset><url><loc>http://a/</loc></url></urlset>";
        assert!(take(1, page).unwrap_err().contains("--urls-max"), "the second time");
    }
}
