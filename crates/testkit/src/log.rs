//! Access log lines (JSON format), read back.

use serde_json::Value;

/// One line of the access log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogLine(pub Value);

impl LogLine {
    /// Parses a line; `None` when it is no JSON object with a status, so no access line.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(line).ok()?;
        value.get("status").is_some().then_some(Self(value))
    }

    /// The status sent to the client, or meant for it.
    ///
    /// # Panics
    /// When it is no number.
    #[must_use]
    pub fn status(&self) -> u64 {
        self.0["status"].as_u64().expect("a numeric status")
    }

    /// A field as text; numbers as they are written, absent ones empty.
    #[must_use]
    pub fn text(&self, name: &str) -> String {
        match &self.0[name] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }

    /// A field as a number; absent ones 0.
    #[must_use]
    pub fn number(&self, name: &str) -> f64 {
        self.0[name].as_f64().unwrap_or_default()
    }

    /// Whether any value contains this text.
    #[must_use]
    pub fn mentions(&self, text: &str) -> bool {
        self.0.to_string().contains(text)
    }
}
