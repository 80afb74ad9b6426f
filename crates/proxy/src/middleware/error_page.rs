//! `error-page`: the user's page in place of this proxy's own. What an origin sends stays.

use std::io;
use std::sync::Arc;

use http1::Known;

use crate::body::Body;
use crate::exchange::Response;

/// Pages by status; those of the route come before those of the site.
#[derive(Debug)]
pub struct ErrorPages {
    pages: Vec<Page>,
}

#[derive(Debug)]
struct Page {
    statuses: Vec<u16>,
    content: Arc<[u8]>,
    content_type: String,
}

impl ErrorPages {
    /// Reads the pages of a route and of its site; `None` where there is none.
    ///
    /// # Errors
    /// The path and the error of a file that cannot be read.
    pub fn read(
        route: &[config::ErrorPage],
        site: &[config::ErrorPage],
    ) -> Result<Option<Self>, (String, io::Error)> {
        let pages = route.iter().chain(site).map(compile_page).collect::<Result<Vec<_>, _>>()?;
        Ok((!pages.is_empty()).then_some(Self { pages }))
    }

    /// Puts the user's page in the place of ours.
    pub fn response(&self, response: &mut Response) {
        if response.fault.is_none() {
            return;
        }
        let status = response.head.status;
        let Some(page) = self.pages.iter().find(|page| page.statuses.contains(&status)) else {
            return;
        };
        response.head.headers.set_known(Known::ContentType, page.content_type.as_bytes());
        response.declared_length = Some(page.content.len() as u64);
        response.body = Body::shared(Arc::clone(&page.content));
    }
}

fn compile_page(page: &config::ErrorPage) -> Result<Page, (String, io::Error)> {
    let content = match &page.body {
        config::ErrorPageBody::Text(text) => text.as_bytes().into(),
        config::ErrorPageBody::File(path) => {
            std::fs::read(path).map_err(|error| (path.display().to_string(), error))?.into()
        }
    };
    Ok(Page { statuses: page.statuses.clone(), content, content_type: page.content_type.clone() })
}
