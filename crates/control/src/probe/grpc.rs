//! Asking by the health protocol of gRPC (`grpc.health.v1.Health/Check`).

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, header};

use super::ProbePlan;
use super::h2::{Body, Exchange, failed, request};
use super::link::Link;

/// Bytes of the answer's message, which has one small number.
const MESSAGE_BYTES_MAX: usize = 4096;

/// Before every message: whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;

/// The wire type of a varint, and the only field of the answer.
const STATUS_TAG: u64 = 1 << 3;

/// Asks about a service; empty is the server as a whole.
pub(super) async fn ask(link: Link, plan: &ProbePlan, service: &str) -> Result<(), String> {
    let mut request = request(plan, "POST", "/grpc.health.v1.Health/Check")?;
    let fields = request.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    fields.insert(header::TE, HeaderValue::from_static("trailers"));
    let limit_ms = plan.check.timeout.as_millis().min(99_999_999);
    if let Ok(limit) = HeaderValue::from_str(&format!("{limit_ms}m")) {
        fields.insert("grpc-timeout", limit);
    }
    let response = Exchange::begin(link).await?.send(request, message(service)).await?;
    if response.status() != 200 {
        return Err(format!("HTTP status {}", response.status().as_u16()));
    }
    if let Some(status) = status(response.headers()) {
        // There are no trailers where the head is the whole answer.
        return call_status(status).and_then(|()| Err("the answer has no message".to_owned()));
    }
    // The connection is driven for as long as the body is read.
    let Body { stream: mut body, driver: _driver } = response.into_body();
    let mut bytes = BytesMut::new();
    while let Some(part) = body.data().await {
        let part = part.map_err(|error| failed(&error))?;
        if bytes.len() + part.len() > MESSAGE_BYTES_MAX {
            return Err("the answer is too long".to_owned());
        }
        bytes.extend_from_slice(&part);
        let released = body.flow_control().release_capacity(part.len());
        released.map_err(|error| failed(&error))?;
    }
    let trailers = body.trailers().await.map_err(|error| failed(&error))?;
    let status = trailers.as_ref().and_then(status);
    call_status(status.ok_or("the answer has no gRPC status")?)?;
    serving(&bytes)
}

/// `HealthCheckRequest { service }` behind its prefix.
fn message(service: &str) -> Bytes {
    let mut inner = Vec::new();
    if !service.is_empty() {
        inner.push(1 << 3 | 2);
        push_varint(service.len() as u64, &mut inner);
        inner.extend_from_slice(service.as_bytes());
    }
    let length = u32::try_from(inner.len()).unwrap_or(u32::MAX);
    [&[0], &length.to_be_bytes()[..], &inner].concat().into()
}

fn push_varint(mut number: u64, out: &mut Vec<u8>) {
    while number > 0x7f {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn status(fields: &HeaderMap) -> Option<&str> {
    fields.get("grpc-status")?.to_str().ok()
}

/// How the call ended, by the codes of gRPC.
fn call_status(code: &str) -> Result<(), String> {
    let name = match code {
        "0" => return Ok(()),
        "4" => "DEADLINE_EXCEEDED",
        "5" => "NOT_FOUND, the service is unknown",
        "7" => "PERMISSION_DENIED",
        "12" => "UNIMPLEMENTED, there is no health protocol",
        "13" => "INTERNAL",
        "14" => "UNAVAILABLE",
        "16" => "UNAUTHENTICATED",
        _ => return Err(format!("gRPC status {}", code.escape_default())),
    };
    Err(format!("gRPC status {code} ({name})"))
}

/// Whether a `HealthCheckResponse` behind its prefix says SERVING.
fn serving(bytes: &[u8]) -> Result<(), String> {
    let (prefix, message) = bytes.split_at_checked(PREFIX_BYTES).ok_or("the answer is cut")?;
    let [flags, length @ ..] = prefix else { return Err("the answer is cut".to_owned()) };
    let length = length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    if *flags != 0 {
        return Err("the answer is compressed".to_owned());
    }
    let message = message.get(..length).ok_or("the answer is cut")?;
    match serving_status(message).ok_or("the answer is malformed")? {
        1 => Ok(()),
        2 => Err("gRPC says NOT_SERVING".to_owned()),
        3 => Err("gRPC says SERVICE_UNKNOWN".to_owned()),
        _ => Err("gRPC says UNKNOWN".to_owned()),
    }
}

/// The last value of field 1; 0 where it is left out, as protobuf has it. Other fields are passed
/// over.
fn serving_status(mut rest: &[u8]) -> Option<u64> {
    let mut status = 0;
    while !rest.is_empty() {
        let tag = take_varint(&mut rest)?;
        let length = match tag & 7 {
            0 => {
                let value = take_varint(&mut rest)?;
                if tag == STATUS_TAG {
                    status = value;
                }
                0
            }
            1 => 8,
            2 => usize::try_from(take_varint(&mut rest)?).ok()?,
            5 => 4,
            _ => return None,
        };
        rest = rest.get(length..)?;
    }
    Some(status)
}

fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_its_service() {
        assert_eq!(message("").as_ref(), [0; 5]);
        assert_eq!(message("ab").as_ref(), [0, 0, 0, 0, 4, 10, 2, b'a', b'b']);
        let long = "x".repeat(300);
        assert_eq!(message(&long)[..8], [0, 0, 0, 1, 47, 10, 0xac, 2]);
    }

    #[test]
    fn only_serving_passes() {
        assert_eq!(serving(&[0, 0, 0, 0, 2, 8, 1]), Ok(()));
        for bad in [
            &[0, 0, 0, 0, 2, 8, 2][..],
            &[0, 0, 0, 0, 2, 8, 3],
            &[0, 0, 0, 0, 0],
            &[1, 0, 0, 0, 2, 8, 1],
            &[0, 0, 0, 0, 3, 8, 1],
            &[0, 0, 0],
            &[0, 0, 0, 0, 1, 8],
            &[0, 0, 0, 0, 2, 18, 9],
        ] {
            assert!(serving(bad).is_err(), "{bad:?}");
        }
        // Fields of a later version are passed over, and the last value holds.
        assert_eq!(serving(&[0, 0, 0, 0, 9, 18, 1, 7, 8, 2, 8, 1, 24, 5]), Ok(()));
    }

    #[test]
    fn endless_numbers_are_refused() {
        assert_eq!(take_varint(&mut &[0xff; 20][..]), None);
    }
}
