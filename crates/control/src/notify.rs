//! Telling the service manager how we are (`sd_notify(3)`): one datagram a message.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Where to send; nowhere when no service manager asked for it.
#[derive(Clone, Debug, Default)]
pub struct Notify {
    socket: Option<OsString>,
}

impl Notify {
    /// Takes the value of `NOTIFY_SOCKET`: a path, or a name of the abstract space after `@`.
    #[must_use]
    pub fn new(socket: Option<OsString>) -> Self {
        Self { socket: socket.filter(|name| !name.is_empty()) }
    }

    /// Says that requests are being served, with one line of text for `systemctl status`.
    ///
    /// # Errors
    /// The socket is gone or refuses; serving can go on all the same.
    pub fn ready(&self, status: &str) -> io::Result<()> {
        self.send(&format!("READY=1\nSTATUS={}\nMAINPID={}", line(status), std::process::id()))
    }

    /// Says that the process has begun to end.
    ///
    /// # Errors
    /// As for [`Self::ready`].
    pub fn stopping(&self, status: &str) -> io::Result<()> {
        self.send(&format!("STOPPING=1\nSTATUS={}", line(status)))
    }

    fn send(&self, message: &str) -> io::Result<()> {
        let Some(name) = &self.socket else { return Ok(()) };
        let socket = UnixDatagram::unbound()?;
        // A service manager that hangs must not hang us.
        socket.set_nonblocking(true)?;
        socket.send_to_addr(message.as_bytes(), &address(name)?).map(|_| ())
    }
}

fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes().strip_prefix(b"@") {
        Some(abstract_name) => SocketAddr::from_abstract_name(abstract_name),
        None => SocketAddr::from_pathname(name),
    }
}

/// A status of several lines would be read as several messages.
fn line(status: &str) -> &str {
    status.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(socket: &UnixDatagram) -> String {
        let mut bytes = [0; 512];
        let length = socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    #[test]
    fn messages_reach_a_path() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let notify = Notify::new(Some(path.into()));
        notify.ready("serving on :80\nnot this").unwrap();
        let ready = received(&socket);
        assert!(ready.starts_with("READY=1\nSTATUS=serving on :80\nMAINPID="), "{ready}");
        notify.stopping("draining").unwrap();
        assert_eq!(received(&socket), "STOPPING=1\nSTATUS=draining");
    }

    #[test]
    fn messages_reach_an_abstract_name() {
        let name = format!("weir-notify-{}", std::process::id());
        let bound = SocketAddr::from_abstract_name(&name).unwrap();
        let socket = UnixDatagram::bind_addr(&bound).unwrap();
        Notify::new(Some(format!("@{name}").into())).stopping("bye").unwrap();
        assert_eq!(received(&socket), "STOPPING=1\nSTATUS=bye");
    }

    #[test]
    fn without_a_manager_there_is_nothing_to_do() {
        Notify::new(None).ready("x").unwrap();
        Notify::new(Some(OsString::new())).ready("x").unwrap();
        assert!(Notify::new(Some("/nonexistent/socket".into())).ready("x").is_err());
    }
}
