//! What the configuration says of compression.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use weir_config::{Coding, Compress, SubtypePattern, load_text};

fn of_routes(site: &str) -> Vec<Option<Compress>> {
    let config = load_text("test", &format!("listen \":80\"\nsite {{\n{site}\n}}\n")).unwrap();
    config.sites[0].routes.iter().map(|route| route.compress.clone()).collect()
}

#[test]
fn alone_it_does_the_right_thing() {
    let compress = of_routes("route \"/*\" { compress; respond 200; }").remove(0).unwrap();
    assert_eq!(compress.codings, [Coding::Zstd, Coding::Brotli, Coding::Gzip]);
    assert_eq!(compress.size_bytes_min, 1024);
    assert_eq!((compress.zstd_level, compress.br_level, compress.gzip_level), (3, 4, 5));
    assert!(compress.types.len() > 20);
}

#[test]
fn every_setting_counts() {
    let text = "route \"/*\" { compress \"gzip\" \"br\" types=\"text/html\" \"a/*\" \
                size-min=\"1B\" zstd-level=1 br-level=2 gzip-level=9; respond 200; }";
    let compress = of_routes(text).remove(0).unwrap();
    assert_eq!(compress.codings, [Coding::Gzip, Coding::Brotli]);
    assert_eq!((compress.zstd_level, compress.br_level, compress.gzip_level), (1, 2, 9));
    assert_eq!((compress.size_bytes_min, compress.types.len()), (1, 2));
    assert_eq!(compress.types[1].subtype, SubtypePattern::Any);
}

#[test]
fn a_route_goes_before_its_site() {
    let text = "compress \"gzip\"\n\
                route \"/a\" { respond 200; }\n\
                route \"/b\" { compress \"br\"; respond 200; }\n\
                route \"/c\" { compress enabled=#false; respond 200; }";
    let routes = of_routes(text);
    let codings: Vec<_> =
        routes.iter().map(|one| one.as_ref().map(|one| one.codings.clone())).collect();
    assert_eq!(codings, [Some(vec![Coding::Gzip]), Some(vec![Coding::Brotli]), None]);
}
