//! Requests whose one side or other speaks HTTP/2, at the moments where they may go wrong.

mod frame;
mod leaving;
mod origins;
