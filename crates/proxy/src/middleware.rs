//! Room 5: one feature each, a pair of halves around the action.
//!
//! The request halves run in the order of the chain; each goes on with a memo or answers. The
//! response halves run in reverse, only those whose request half went on. To add a feature: a
//! schema entry in `config`, a file here, one variant below, and a test.
//!
//! **Invariant:** a middleware knows no protocol version and no other middleware.

mod body_limit;
mod compress;
mod error_page;
mod fields;
mod grpc_web;
mod hsts;
mod maintenance;
mod rewrite;

use std::io;
use std::ops::ControlFlow;

use crate::exchange::{Exchange, Response};
use crate::fault::Fault;

pub use body_limit::BodyLimit;
pub use compress::Compress;
pub use error_page::ErrorPages;
pub use fields::FieldEdits;
pub use grpc_web::GrpcWeb;
pub use hsts::Hsts;
pub use maintenance::Maintenance;
pub use rewrite::Rewrite;

/// A compiled middleware of a route.
#[derive(Debug)]
pub enum Middleware {
    /// Replaces this proxy's own error pages.
    ErrorPages(ErrorPages),
    /// Compresses responses.
    Compress(Compress),
    /// Closes the route for a while.
    Maintenance(Maintenance),
    /// Refuses bodies that are too long.
    BodyLimit(BodyLimit),
    /// Changes the target.
    Rewrite(Rewrite),
    /// Edits request fields.
    RequestFields(FieldEdits),
    /// Translates gRPC-Web.
    GrpcWeb(GrpcWeb),
    /// Tells browsers to come encrypted only.
    Hsts(Hsts),
    /// Edits response fields.
    ResponseFields(FieldEdits),
}

/// What a request half leaves for its response half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memo {
    /// Nothing to remember.
    None,
    /// The content coding that the client likes best, of those that may be used.
    Compress(Option<config::Coding>),
    /// The client speaks gRPC-Web, perhaps its text form.
    GrpcWeb {
        /// It is the text form.
        text: bool,
    },
}

/// How a request half ends: with a memo, or with an answer.
pub type Flow = ControlFlow<Result<Response, Fault>, Memo>;

impl Middleware {
    /// The node of the configuration that asks for it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::ErrorPages(_) => "error-page",
            Self::Compress(_) => "compress",
            Self::Maintenance(_) => "maintenance",
            Self::BodyLimit(_) => "limits",
            Self::Rewrite(_) => "rewrite",
            Self::RequestFields(_) => "request-headers",
            Self::GrpcWeb(_) => "grpc-web",
            Self::Hsts(_) => "hsts",
            Self::ResponseFields(_) => "response-headers",
        }
    }

    /// The way in.
    pub fn request(&self, exchange: &mut Exchange) -> Flow {
        match self {
            Self::Compress(compress) => compress.request(exchange),
            Self::Maintenance(closed) => closed.request(exchange),
            Self::BodyLimit(limit) => limit.request(exchange),
            Self::Rewrite(rewrite) => rewrite.request(exchange),
            Self::RequestFields(edits) => edits.request(exchange),
            Self::GrpcWeb(translation) => translation.request(exchange),
            Self::ErrorPages(_) | Self::Hsts(_) | Self::ResponseFields(_) => {
                ControlFlow::Continue(Memo::None)
            }
        }
    }

    /// The way out.
    pub fn response(&self, memo: Memo, exchange: &Exchange, response: &mut Response) {
        match self {
            Self::ErrorPages(pages) => pages.response(response),
            Self::Compress(compress) => compress.response(memo, exchange, response),
            Self::GrpcWeb(translation) => translation.response(memo, response),
            Self::Hsts(hsts) => hsts.response(exchange, response),
            Self::ResponseFields(edits) => edits.response(exchange, response),
            Self::Maintenance(_)
            | Self::BodyLimit(_)
            | Self::Rewrite(_)
            | Self::RequestFields(_) => {}
        }
    }
}

/// The chain of a route, in the fixed order of the house. A feature that the route does not use
/// is not in it. `body_bytes_max` is the limit where the route has none of its own.
///
/// # Errors
/// The path and the error of a file that cannot be read.
pub fn compile(
    site: &config::Site,
    route: &config::Route,
    body_bytes_max: Option<u64>,
) -> Result<Box<[Middleware]>, (String, io::Error)> {
    let mut chain = Vec::new();
    let pages = ErrorPages::read(&route.error_pages, &site.error_pages)?;
    chain.extend(pages.map(Middleware::ErrorPages));
    chain.extend(Compress::compile(route.compress.as_ref()).map(Middleware::Compress));
    chain.extend(Maintenance::compile(route.maintenance.as_ref()));
    chain.extend(BodyLimit::compile(route.limits.body_bytes_max.or(body_bytes_max)));
    chain.extend(Rewrite::compile(route.rewrite.as_ref()));
    chain.extend(GrpcWeb::compile(route.grpc_web).map(Middleware::GrpcWeb));
    let request = FieldEdits::compile(&route.request_headers);
    chain.extend(request.map(Middleware::RequestFields));
    chain.extend(Hsts::compile(site.hsts.as_ref()).map(Middleware::Hsts));
    let response = FieldEdits::compile(&route.response_headers);
    chain.extend(response.map(Middleware::ResponseFields));
    Ok(chain.into_boxed_slice())
}
