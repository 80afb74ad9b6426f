//! Sites.

use super::{Context, host, page, route, shaping, tls};
use crate::check::Item;
use crate::model::{Maintenance, Route, Site};

pub(super) fn site(item: &Item, context: &mut Context) -> Option<Site> {
    let written = item.arg_texts("host");
    let hosts = written.filter_map(|text| host::pattern(text, context)).collect();
    let closed = shaping::maintenance(item, context);
    let routes =
        item.all("route").filter_map(|route| self::route(route, &closed, context)).collect();
    let pages = item.all("error-page").filter_map(|page| page::error_page(page, context));
    let error_pages = pages.collect();
    let hsts = item.first("hsts").map(|item| tls::hsts(item, context));
    Some(Site { hosts, routes, error_pages, hsts, span: item.span })
}

/// A route, closed as its site is where it does not say otherwise.
fn route(item: &Item, closed: &Option<Maintenance>, context: &mut Context) -> Option<Route> {
    let mut route = route::route(item, context)?;
    if item.first("maintenance").is_none() {
        route.maintenance.clone_from(closed);
    }
    Some(route)
}
