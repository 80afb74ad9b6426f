//! Active health checks: servers that are unwell get no requests, and get them again when they
//! are well.

mod kinds;
mod scene;
mod verdicts;
