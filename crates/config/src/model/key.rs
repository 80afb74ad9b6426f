//! What a request is known by where the same is to lead to the same server.

/// The part of a request that is hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashKey {
    /// The client's address, as far as these bits of it.
    ClientIp {
        /// Of an IPv4 address, 1 to 32.
        v4_bits: u8,
        /// Of an IPv6 address, 1 to 128.
        v6_bits: u8,
    },
    /// The path.
    Path,
    /// The path with the query.
    Uri,
    /// The host, without the port.
    Host,
    /// The first field of this name, in lower case.
    Header(String),
    /// The cookie of this name.
    Cookie(String),
    /// The first query parameter of this name.
    Query(String),
}

/// The whole address of IPv4, and of IPv6 the part that stays when a provider gives a client
/// another address of the same network.
impl Default for HashKey {
    fn default() -> Self {
        Self::ClientIp { v4_bits: 32, v6_bits: 64 }
    }
}
