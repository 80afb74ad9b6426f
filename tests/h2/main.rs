//! HTTP/2 towards clients (RFC 9113): every rule by the frames that keep and break it.

mod attacks;
mod frames;
