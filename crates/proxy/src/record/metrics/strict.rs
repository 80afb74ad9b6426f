//! A reader of OpenMetrics text for tests that accepts nothing the format does not allow.

use std::collections::{BTreeMap, BTreeSet};

/// Every sample of an exposition: name with its labels as written, and its value as written.
pub(super) type Samples = BTreeMap<String, String>;

/// Reads an exposition or says what is wrong with it.
pub(super) fn read(text: &str) -> Result<Samples, String> {
    let body = text.strip_suffix("# EOF\n").ok_or("does not end in # EOF")?;
    let mut reader = Reader::default();
    for line in body.split_terminator('\n') {
        reader.line(line).map_err(|why| format!("{why}: {line}"))?;
    }
    reader.finish_family()?;
    Ok(reader.samples)
}

#[derive(Default)]
struct Reader {
    family: Option<Open>,
    seen: BTreeSet<String>,
    samples: Samples,
}

/// The family being read.
#[derive(Default)]
struct Open {
    name: String,
    kind: String,
    unit: Option<String>,
    help: bool,
    sampled: bool,
    /// Cumulative bucket counts by their labels without `le`.
    buckets: BTreeMap<String, Vec<(f64, u64)>>,
    counts: BTreeMap<String, u64>,
    sums: BTreeSet<String>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), String> {
        match line.strip_prefix("# ") {
            Some(meta) => self.meta(meta),
            None if line.is_empty() || line.starts_with('#') => Err("stray line".into()),
            None => self.sample(line),
        }
    }

    fn meta(&mut self, meta: &str) -> Result<(), String> {
        let mut parts = meta.splitn(3, ' ');
        let (word, name) = (parts.next().unwrap_or(""), parts.next().ok_or("no name")?);
        let rest = parts.next().ok_or("no text")?;
        if word == "TYPE" {
            self.finish_family()?;
            if !self.seen.insert(name.to_owned()) {
                return Err("family declared twice".into());
            }
            if !["counter", "gauge", "histogram", "info"].contains(&rest) {
                return Err("unknown type".into());
            }
            let (name, kind) = (name.to_owned(), rest.to_owned());
            self.family = Some(Open { name, kind, ..Open::default() });
            return Ok(());
        }
        let family = self.family.as_mut().ok_or("no TYPE before")?;
        if family.name != name || family.sampled {
            return Err("out of place".into());
        }
        match word {
            "UNIT" if !name.ends_with(&format!("_{rest}")) => Err("name lacks its unit".into()),
            "UNIT" if family.unit.replace(rest.to_owned()).is_some() => Err("two units".into()),
            "HELP" if std::mem::replace(&mut family.help, true) => Err("two helps".into()),
            "UNIT" | "HELP" => Ok(()),
            _ => Err("unknown word".into()),
        }
    }

    fn sample(&mut self, line: &str) -> Result<(), String> {
        let family = self.family.as_mut().ok_or("sample without family")?;
        family.sampled = true;
        let (series, value) = line.rsplit_once(' ').ok_or("no value")?;
        let (name, labels) = match series.split_once('{') {
            Some((name, rest)) => (name, labels_of(rest)?),
            None => (series, Vec::new()),
        };
        let suffix = name.strip_prefix(family.name.as_str()).ok_or("foreign sample")?;
        family.note(suffix, &labels, value)?;
        match self.samples.insert(series.to_owned(), value.to_owned()) {
            Some(_) => Err("series twice".into()),
            None => Ok(()),
        }
    }

    fn finish_family(&mut self) -> Result<(), String> {
        let Some(family) = self.family.take() else { return Ok(()) };
        if !family.help {
            return Err(format!("{} has no help", family.name));
        }
        for (labels, buckets) in &family.buckets {
            let ascending = buckets.windows(2).all(|pair| pair[0].0 < pair[1].0);
            let cumulative = buckets.windows(2).all(|pair| pair[0].1 <= pair[1].1);
            let last = buckets.last().ok_or("no buckets")?;
            let whole = last.0 == f64::INFINITY && family.counts.get(labels) == Some(&last.1);
            if !(ascending && cumulative && whole && family.sums.contains(labels)) {
                return Err(format!("{}{{{labels}}} is no histogram", family.name));
            }
        }
        Ok(())
    }
}

impl Open {
    fn note(
        &mut self,
        suffix: &str,
        labels: &[(String, String)],
        value: &str,
    ) -> Result<(), String> {
        let number: f64 = value.parse().map_err(|_| "not a number")?;
        let le = labels.iter().find(|(name, _)| name == "le").map(|(_, value)| value);
        let others: Vec<_> = labels.iter().filter(|(name, _)| name != "le").collect();
        let key = format!("{others:?}");
        match (self.kind.as_str(), suffix, le) {
            ("counter", "_total", None) if number >= 0.0 => {}
            ("gauge", "", None) => {}
            ("info", "_info", None) if number == 1.0 => {}
            ("histogram", "_bucket", Some(le)) => {
                let bound = if le == "+Inf" { f64::INFINITY } else { canonical(le)? };
                let count = value.parse().map_err(|_| "not a count")?;
                self.buckets.entry(key).or_default().push((bound, count));
            }
            ("histogram", "_count", None) => {
                self.counts.insert(key, value.parse().map_err(|_| "not a count")?);
            }
            ("histogram", "_sum", None) => {
                self.sums.insert(key);
            }
            _ => return Err("sample does not fit its type".into()),
        }
        Ok(())
    }
}

/// A bucket bound must be written with its point, so that every scraper sees the same label.
fn canonical(le: &str) -> Result<f64, String> {
    let number: f64 = le.parse().map_err(|_| "bad le")?;
    if format!("{number:?}") == le { Ok(number) } else { Err("le is not canonical".into()) }
}

/// Reads `name="value",...}` up to its end.
fn labels_of(mut rest: &str) -> Result<Vec<(String, String)>, String> {
    let mut labels: Vec<(String, String)> = Vec::new();
    loop {
        let (name, after) = rest.split_once("=\"").ok_or("label without value")?;
        let plain = name.chars().all(|char| char.is_ascii_lowercase() || char == '_');
        if name.is_empty() || !plain || labels.iter().any(|(other, _)| other == name) {
            return Err(format!("bad label name {name}"));
        }
        let (value, after) = quoted(after)?;
        labels.push((name.to_owned(), value));
        match after.strip_prefix(',') {
            Some(more) => rest = more,
            None if after == "}" => return Ok(labels),
            None => return Err("bad end of labels".into()),
        }
    }
}

fn quoted(text: &str) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Ok((value, text.get(at + 1..).unwrap_or(""))),
            '\\' => match chars.next().map(|(_, escaped)| escaped) {
                Some('n') => value.push('\n'),
                Some(escaped @ ('\\' | '"')) => value.push(escaped),
                _ => return Err("bad escape".into()),
            },
            plain => value.push(plain),
        }
    }
    Err("label value does not end".into())
}
