//! Sites.

use super::{Context, host, page, route, tls};
use crate::check::Item;
use crate::model::Site;

pub(super) fn site(item: &Item, context: &mut Context) -> Option<Site> {
    let written = item.arg_texts("host");
    let hosts = written.filter_map(|text| host::pattern(text, context)).collect();
    let routes = item.all("route").filter_map(|route| route::route(route, context)).collect();
    let pages = item.all("error-page").filter_map(|page| page::error_page(page, context));
    let error_pages = pages.collect();
    let hsts = item.first("hsts").map(|item| tls::hsts(item, context));
    Some(Site { hosts, routes, error_pages, hsts, span: item.span })
}
