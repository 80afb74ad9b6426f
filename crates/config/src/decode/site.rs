//! Sites.

use super::{Context, compress, host, page, route, shaping, tls};
use crate::check::Item;
use crate::model::{Compress, Maintenance, Route, Site};

pub(super) fn site(item: &Item, context: &mut Context) -> Option<Site> {
    let written = item.arg_texts("host");
    let hosts = written.filter_map(|text| host::pattern(text, context)).collect();
    let closed = shaping::maintenance(item, context);
    let compressed = compress::compress(item, context).flatten();
    let site_wide = SiteWide { closed, compressed };
    let routes =
        item.all("route").filter_map(|route| self::route(route, &site_wide, context)).collect();
    let pages = item.all("error-page").filter_map(|page| page::error_page(page, context));
    let error_pages = pages.collect();
    let hsts = item.first("hsts").map(|item| tls::hsts(item, context));
    Some(Site { hosts, routes, error_pages, hsts, span: item.span })
}

/// What holds for the routes of a site that do not say otherwise.
struct SiteWide {
    closed: Option<Maintenance>,
    compressed: Option<Compress>,
}

fn route(item: &Item, site_wide: &SiteWide, context: &mut Context) -> Option<Route> {
    let mut route = route::route(item, context)?;
    if item.first("maintenance").is_none() {
        route.maintenance.clone_from(&site_wide.closed);
    }
    if item.first("compress").is_none() {
        route.compress.clone_from(&site_wide.compressed);
    }
    Some(route)
}
