//! Writes the corpus of malformed messages to `fuzz/corpus`, where the fuzz targets begin.

use std::path::Path;
use std::{fs, io};

#[path = "../tests/corpus/mod.rs"]
mod corpus;

/// Inputs longer than this only slow a fuzzer down.
const SEED_BYTES_MAX: usize = 700;

fn write(target: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    fs::create_dir_all(&folder)?;
    if bytes.len() <= SEED_BYTES_MAX { fs::write(folder.join(name), bytes) } else { Ok(()) }
}

/// The target and the host of a request, as the target `uri` takes them.
fn uri_of(bytes: &[u8]) -> Option<Vec<u8>> {
    let target = bytes.split(|octet| *octet == b' ').nth(1)?;
    let start = bytes.windows(6).position(|name| name == b"Host: ")? + 6;
    let host = bytes.get(start..)?.split(|octet| *octet == b'\r').next()?;
    Some([b"\0", target, b"\n", host].concat())
}

fn body_of(bytes: &[u8]) -> Option<&[u8]> {
    let start = bytes.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    bytes.get(start..)
}

fn main() -> io::Result<()> {
    for case in corpus::requests() {
        write("request_head", case.name, &case.bytes)?;
        if let Some(body) = body_of(&case.bytes) {
            write("chunked", case.name, &[b"\x01\x03\x10", body].concat())?;
        }
        if let Some(uri) = uri_of(&case.bytes) {
            write("uri", case.name, &uri)?;
        }
    }
    for case in corpus::responses() {
        write("response_head", case.name, &case.bytes)?;
    }
    Ok(())
}
