//! URLs: those of a file, one a line, and all that are gathered, within bounds.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use http::Uri;

use crate::command::Failure;

/// Bytes of one URL, beyond which no server would take it.
pub(super) const URL_BYTES_MAX: usize = 8 << 10;

/// Bytes of all URLs together.
const TEXT_BYTES_MAX: usize = 256 << 20;

/// What is to be fetched.
#[derive(Debug)]
pub(super) struct Urls {
    all: Vec<Box<str>>,
    count_max: usize,
    text_bytes: usize,
}

impl Urls {
    pub(super) fn new(count_max: usize) -> Self {
        Self { all: Vec::new(), count_max, text_bytes: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn get(&self, at: usize) -> Option<&str> {
        self.all.get(at).map(|url| &**url)
    }

    /// One more; the error says which bound it goes beyond.
    pub(super) fn push(&mut self, url: &str) -> Result<(), String> {
        if self.all.len() >= self.count_max {
            return Err(format!("there are more than {} URLs (--urls-max)", self.count_max));
        }
        self.text_bytes += url.len();
        if self.text_bytes > TEXT_BYTES_MAX {
            return Err(format!("the URLs are longer than {TEXT_BYTES_MAX} bytes together"));
        }
        self.all.push(url.into());
        Ok(())
    }
}

/// Reads a file, or standard input for `-`. What is no URL is wrong usage, before anything is
/// asked for.
pub(super) fn read(file: &Path, urls: &mut Urls) -> Result<(), Failure> {
    let shown =
        if file == Path::new("-") { "standard input".into() } else { file.to_string_lossy() };
    let unreadable =
        |error: std::io::Error| Failure::wrong(format!("weir: cannot read {shown}: {error}"));
    if file == Path::new("-") {
        return lines((&shown, std::io::stdin().lock()), urls);
    }
    let opened = std::fs::File::open(file).map_err(unreadable)?;
    lines((&shown, BufReader::new(opened)), urls)
}

fn lines((shown, mut input): (&str, impl BufRead), urls: &mut Urls) -> Result<(), Failure> {
    let mut number = 0;
    let mut line = Vec::new();
    loop {
        number += 1;
        line.clear();
        let wrong = |why: String| Failure::wrong(format!("weir: {shown}:{number}: {why}"));
        let mut limited = input.by_ref().take(URL_BYTES_MAX as u64 + 1);
        let read = limited.read_until(b'\n', &mut line);
        if read.map_err(|error| wrong(error.to_string()))? == 0 {
            return Ok(());
        }
        if line.len() > URL_BYTES_MAX {
            return Err(wrong(format!("the line is longer than {URL_BYTES_MAX} bytes")));
        }
        let text = std::str::from_utf8(&line).map_err(|_| wrong("it is not UTF-8".to_owned()))?;
        let Some(url) = url_of(text) else { continue };
        let parsed = url.parse::<Uri>().map_err(|error| error.to_string());
        let checked = parsed.and_then(|uri| control::fetch::check(&uri));
        checked.map_err(|why| wrong(format!("{url:?} is no URL to fetch: {why}")))?;
        urls.push(url).map_err(wrong)?;
    }
}

/// The URL of a line, if it has one. A `#` within a URL is its fragment, which nobody is sent.
fn url_of(line: &str) -> Option<&str> {
    let end = line.find('#').unwrap_or(line.len());
    Some(line[..end].trim()).filter(|url| !url.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str, count_max: usize) -> Result<Vec<String>, String> {
        let mut urls = Urls::new(count_max);
        let read = lines(("list", text.as_bytes()), &mut urls);
        read.map_err(|failure| failure.message)?;
        Ok(urls.all.iter().map(|url| url.to_string()).collect())
    }

    #[test]
    fn lines_are_urls_comments_or_nothing() {
        let text = "# all\nhttp://a/\n\n  https://b/x?y#frag  # why\r\nhttp://c";
        assert_eq!(read_text(text, 9).unwrap(), ["http://a/", "https://b/x?y", "http://c"]);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let told = |text: &str| read_text(text, 2).unwrap_err();
        assert!(told("http://a/\n/x\n").contains("list:2: \"/x\" is no URL"), "{}", told("/x"));
        assert!(told("ftp://a/").contains("http:// or https://"));
        assert!(told("http://a/\nhttp://a/\nhttp://a/").contains("more than 2 URLs"));
        assert!(told(&"x".repeat(URL_BYTES_MAX + 1)).contains("longer than"));
    }
}
