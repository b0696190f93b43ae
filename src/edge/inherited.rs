//! Listening sockets that a service manager holds and passes to the process, as systemd does (`LISTEN_FDS`).
//!
//! They outlive the process: a client that connects while one sidecar ends and the next begins waits instead of being
//! refused. Each socket is found by its address, so the configuration remains the only place that defines where to
//! listen.

use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use listenfd::ListenFd;

/// Sockets that were passed and not taken yet.
#[derive(Default)]
pub struct Inherited {
    tcp: Vec<TcpListener>,
    unix: Vec<UnixListener>,
}

impl Inherited {
    /// The sockets passed to this process; none the second time. Call it while nothing else reads the environment.
    pub fn from_environment() -> Self {
        let mut passed = ListenFd::from_env();
        let mut inherited = Self::default();
        for index in 0..passed.len() {
            // A file that is not a socket of one kind is tried as the other, and left alone if it is neither.
            if let Ok(Some(listener)) = passed.take_tcp_listener(index) {
                inherited.tcp.push(listener);
            } else if let Ok(Some(listener)) = passed.take_unix_listener(index) {
                inherited.unix.push(listener);
            } else {
                tracing::warn!(index, "a passed file is not a listening socket and is not used");
            }
        }
        inherited
    }

    /// Logs the sockets that match no configured address.
    pub fn report_the_rest(&self) {
        let tcp = self.tcp.iter().filter_map(|it| Some(it.local_addr().ok()?.to_string()));
        let unix = self.unix.iter().filter_map(|it| Some(format!("{:?}", it.local_addr().ok()?)));
        for address in tcp.chain(unix) {
            tracing::warn!(
                address,
                "a passed socket matches no configured address and is not used"
            );
        }
    }

    pub(super) fn take_tcp(&mut self, wanted: &std::net::SocketAddr) -> Option<TcpListener> {
        let is_it = |it: &TcpListener| it.local_addr().is_ok_and(|address| address == *wanted);
        let index = self.tcp.iter().position(is_it)?;
        Some(self.tcp.swap_remove(index))
    }

    pub(super) fn take_unix(&mut self, wanted: &std::path::Path) -> Option<UnixListener> {
        let is_it = |it: &UnixListener| {
            it.local_addr().is_ok_and(|address| address.as_pathname() == Some(wanted))
        };
        let index = self.unix.iter().position(is_it)?;
        Some(self.unix.swap_remove(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_taken_once_and_only_for_its_own_address() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.sock");
        let (tcp, unix) =
            (TcpListener::bind("127.0.0.1:0").unwrap(), UnixListener::bind(&path).unwrap());
        let address = tcp.local_addr().unwrap();
        let mut inherited = Inherited { tcp: vec![tcp], unix: vec![unix] };
        assert!(inherited.take_tcp(&([127, 0, 0, 1], 1).into()).is_none());
        assert!(inherited.take_unix(&folder.path().join("other.sock")).is_none());
        assert!(inherited.take_tcp(&address).is_some() && inherited.take_tcp(&address).is_none());
        assert!(inherited.take_unix(&path).is_some() && inherited.take_unix(&path).is_none());
    }
}
