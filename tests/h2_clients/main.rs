//! HTTP/2 with the programs that people use: gRPC, curl, nghttp, a browser.

mod browser;
mod grpc;
mod grpc_web;
mod lasting;
mod tools;
