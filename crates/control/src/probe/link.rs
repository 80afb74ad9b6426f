//! Connections to servers that are asked.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use proxy::snapshot::{Name, ServerTarget};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::sleep;

use super::ProbePlan;

/// How often a probe looks whether a name has its first answer.
const FIRST_ANSWER_LOOK: Duration = Duration::from_millis(10);

/// What can be read and written, encrypted or not.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection.
pub(super) type Link = Box<dyn Duplex>;

/// Connects, to the first address of a name.
pub(super) async fn connect(plan: &ProbePlan) -> Result<Link, String> {
    let address = match &plan.target {
        ServerTarget::Unix(path, _) => {
            let socket = UnixStream::connect(path).await;
            return Ok(Box::new(socket.map_err(|error| reason(&error))?));
        }
        ServerTarget::Ip(address, _) | ServerTarget::Resolved(address, ..) => *address,
        ServerTarget::Name(name) => first_address(name).await?,
    };
    let address = SocketAddr::new(address.ip(), plan.check.port.unwrap_or_else(|| address.port()));
    let socket = TcpStream::connect(address).await.map_err(|error| reason(&error))?;
    socket.set_nodelay(true).map_err(|error| reason(&error))?;
    Ok(Box::new(socket))
}

async fn first_address(name: &Name) -> Result<SocketAddr, String> {
    while !name.is_settled() {
        sleep(FIRST_ANSWER_LOOK).await;
    }
    name.addresses().first().copied().ok_or_else(|| "the name has no address".to_owned())
}

/// A failure in a few words, without the system's numbers.
pub(super) fn reason(error: &io::Error) -> String {
    match error.get_ref() {
        Some(inner) => inner.to_string(),
        None => error.kind().to_string(),
    }
}
