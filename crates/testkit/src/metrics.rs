//! OpenMetrics text, read back strictly enough to notice when it is none.

/// One scrape.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    samples: Vec<(String, f64)>,
}

impl Metrics {
    /// Parses the exposition.
    ///
    /// # Errors
    /// A sentence with the line that is none of the format.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.lines().last() != Some("# EOF") {
            return Err("does not end with # EOF".to_owned());
        }
        let mut samples = Vec::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let bad = || format!("not a sample: {line:?}");
            let end = line.rfind('}').map_or_else(|| line.find(' '), |at| Some(at + 1));
            let (series, rest) = line.split_at(end.ok_or_else(bad)?);
            let value = rest.trim_start().split(' ').next().ok_or_else(bad)?;
            samples.push((series.to_owned(), value.parse().map_err(|_| bad())?));
        }
        Ok(Self { samples })
    }

    /// The sum of every series of this name whose labels contain all of `labels`, each written
    /// as `name="value"`.
    #[must_use]
    pub fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        let of_name = |series: &str| {
            let (own, rest) = series.split_at(series.find('{').unwrap_or(series.len()));
            own == name && labels.iter().all(|label| rest.contains(label))
        };
        let chosen = self.samples.iter().filter(|(series, _)| of_name(series));
        chosen.map(|(_, value)| value).sum()
    }

    /// Every series name with its labels.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.samples.iter().map(|(series, _)| series.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_over_labels() {
        let text = "# TYPE a counter\na_total{x=\"1\",y=\"b c\"} 2\na_total{x=\"2\"} 3\n# EOF\n";
        let metrics = Metrics::parse(text).unwrap();
        assert_eq!(metrics.sum("a_total", &[]), 5.0);
        assert_eq!(metrics.sum("a_total", &["x=\"1\""]), 2.0);
        assert!(Metrics::parse("a 1\n").is_err());
        assert!(Metrics::parse("a b\n# EOF\n").is_err());
    }
}
