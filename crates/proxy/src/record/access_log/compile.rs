//! From the log as configured to the log as run.

use super::{Field, LogFormat, Segment, Target};

impl From<&config::LogTarget> for Target {
    fn from(target: &config::LogTarget) -> Self {
        match target {
            config::LogTarget::Stdout => Self::Stdout,
            config::LogTarget::Stderr => Self::Stderr,
            config::LogTarget::File(path) => Self::File(path.clone()),
        }
    }
}

impl From<&config::LogFormat> for LogFormat {
    fn from(format: &config::LogFormat) -> Self {
        match format {
            config::LogFormat::Json => Self::Json,
            config::LogFormat::Combined => Self::Combined,
            config::LogFormat::Custom(segments) => {
                Self::Custom(segments.iter().map(Segment::from).collect())
            }
        }
    }
}

impl From<&config::LogSegment> for Segment {
    fn from(segment: &config::LogSegment) -> Self {
        match segment {
            config::LogSegment::Literal(text) => Self::Literal(text.clone()),
            config::LogSegment::Field(field) => Self::Field(Field::from(field)),
        }
    }
}

impl From<&config::LogField> for Field {
    fn from(field: &config::LogField) -> Self {
        use config::LogField;
        match field {
            LogField::Time => Self::Time,
            LogField::Client => Self::Client,
            LogField::Method => Self::Method,
            LogField::Path => Self::Path,
            LogField::Query => Self::Query,
            LogField::Uri => Self::Uri,
            LogField::Host => Self::Host,
            LogField::Protocol => Self::Protocol,
            LogField::Status => Self::Status,
            LogField::BytesIn => Self::BytesIn,
            LogField::BytesOut => Self::BytesOut,
            LogField::DurationMs => Self::DurationMs,
            LogField::Upstream => Self::Upstream,
            LogField::Server => Self::Server,
            LogField::Route => Self::Route,
            LogField::RequestId => Self::RequestId,
            LogField::Reason => Self::Reason,
            LogField::Cache => Self::Cache,
            LogField::Referer => Self::Referer,
            LogField::UserAgent => Self::UserAgent,
            LogField::Header(name) => Self::Header(name.clone()),
        }
    }
}
