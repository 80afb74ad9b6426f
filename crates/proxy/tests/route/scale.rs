//! 100,000 routes over 10,000 hosts match as ten do. No clock: see `examples/route_scale.rs` for
//! times; the look-ups themselves are counted beside the table of paths.

use crate::table::{ask, compiled, spec};

#[test]
fn a_hundred_thousand_routes_match_right() {
    let routes = (0..100_000).map(|number| {
        let (host, path) = (number / 10, number % 10);
        spec(&format!("host{host}.example.com /p{path}/*"))
    });
    let router = compiled(&routes.collect::<Vec<_>>());
    for number in (0..100_000).step_by(997) {
        let request = format!("GET host{}.example.com /p{}/x/y", number / 10, number % 10);
        assert_eq!(ask(&router, &request), number.to_string());
    }
    assert_eq!(ask(&router, "GET host1.example.com /q"), "404");
    assert_eq!(ask(&router, "GET host10000.example.com /p1"), "421");
}
