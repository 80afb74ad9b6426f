//! Both ends of a benchmark: an origin that costs as little as it can, and a load generator
//! for what `wrk` cannot do. Not a product: they speak just enough HTTP for each other.

pub mod clock;
pub mod h2_idle;
pub mod idle;
pub mod load;
pub mod object;
pub mod origin;
pub mod picks;
pub mod tally;
pub mod tls;
pub mod wire;
pub mod zipf;
