//! From a configured [`Listener`] to a running HTTP service, on TCP, TLS or a unix socket.
//!
//! Sockets are bound here, before pingora starts, and passed to it: pingora's own binding retries for half a minute
//! and then panics in a task, which leaves a process that listens to nothing. Binding first also resolves port 0 to
//! its real number.

use std::fs::Permissions;
use std::io;
use std::net::TcpListener;
use std::os::fd::{IntoRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora_core::listeners::tls::TlsSettings;
use pingora_core::listeners::{ALPN, L4BufferSettings, ListenerConfig};
use pingora_core::server::{Fds, ListenFds, ShutdownWatch};
use pingora_core::services::Service;
use pingora_core::services::listening;

use super::drain::wait_until_drained;
use super::inherited::Inherited;
use super::server::{HttpServer, PeerKind, Serving};
use super::tls::{CertificateSlot, TlsMaterialError, install_crypto_provider};
use super::unix_path;
use crate::config::{Address, Listener};
use crate::wire::Handler;

/// Per-connection buffers in bytes. pingora's default of 64 KiB for reading is most of the cost of an idle
/// connection; larger bodies bypass the buffer anyway. The write buffer holds a typical reply, head and body, in one
/// packet.
const READ_BUFFER_BYTES: usize = 4 * 1024;
const WRITE_BUFFER_BYTES: usize = 2 * 1024;

/// Why a listener cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address is already in use or not on this machine.
    #[error("`{name}`: cannot listen on `{address}`: {}", reason(.cause))]
    Address {
        /// The listener's key in the configuration, such as `listen.app`.
        name: String,
        /// The address as configured.
        address: String,
        /// The system's error.
        cause: io::Error,
    },
    /// The certificate or its key cannot be used.
    #[error("`{name}`: {cause}")]
    Tls {
        /// The listener's key in the configuration.
        name: String,
        /// The problem with them.
        cause: TlsMaterialError,
    },
}

/// A bound socket: callers may already connect, and wait until the service starts.
#[derive(Debug)]
pub struct Bound {
    name: String,
    socket: OwnedFd,
    address: Address,
    certificate: Option<Arc<CertificateSlot>>,
}

/// Opens `listener`. `name` is its key in the configuration, for messages.
pub fn bind(name: &str, listener: &Listener) -> Result<Bound, BindError> {
    bind_or_take(name, listener, &mut Inherited::default())
}

/// The same, using a socket that was passed for its address if there is one.
pub fn bind_or_take(
    name: &str,
    listener: &Listener,
    inherited: &mut Inherited,
) -> Result<Bound, BindError> {
    let certificate = match &listener.tls {
        None => None,
        Some(tls) => {
            let slot = CertificateSlot::new(&tls.cert_pem, tls.key_pem.expose());
            Some(Arc::new(slot.map_err(|cause| BindError::Tls { name: name.to_owned(), cause })?))
        }
    };
    let (socket, address) = open(&listener.address, inherited).map_err(|cause| {
        BindError::Address { name: name.to_owned(), address: text(&listener.address), cause }
    })?;
    Ok(Bound { name: name.to_owned(), socket, address, certificate })
}

impl Bound {
    /// The actual address: a configured port 0 has been replaced by the port the kernel chose.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The certificate presented, to be replaced later; `None` without TLS.
    pub fn certificate(&self) -> Option<Arc<CertificateSlot>> {
        self.certificate.clone()
    }

    /// The service that answers this socket's requests with `handler`.
    pub fn service(self, handler: Arc<dyn Handler>, serving: Serving) -> HttpService {
        let key = text(&self.address);
        let (endpoint, peers) = match &self.address {
            Address::Tcp(_) => (ListenerConfig::tcp(&key), PeerKind::Tcp),
            Address::Unix(_) => {
                let permissions = Permissions::from_mode(unix_path::SOCKET_MODE);
                (ListenerConfig::uds(&key).permissions(permissions), PeerKind::Unix)
            }
        };
        let buffers = L4BufferSettings::new(READ_BUFFER_BYTES, WRITE_BUFFER_BYTES);
        let endpoint = match self.certificate {
            None => endpoint.l4_buffer(buffers),
            Some(certificate) => endpoint.l4_buffer(buffers).tls(tls_settings(certificate)),
        };
        let server = HttpServer::new(handler, peers, serving.clone());
        let mut inner = listening::Service::new(self.name, server);
        inner.add_listener(endpoint);
        HttpService { inner, key, socket: Some(self.socket), serving }
    }
}

/// One listener with its handler, ready for pingora's `Server::add_service` or for [`serve`].
pub struct HttpService {
    inner: listening::Service<HttpServer>,
    key: String,
    socket: Option<OwnedFd>,
    serving: Serving,
}

impl HttpService {
    /// Sets the number of threads under pingora's `Server`, which gives every service a runtime of its own.
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.inner.threads = Some(threads);
        self
    }
}

#[async_trait]
impl Service for HttpService {
    async fn start_service(
        &mut self,
        inherited: Option<ListenFds>,
        shutdown: ShutdownWatch,
        listeners_per_fd: usize,
    ) {
        let sockets = inherited.unwrap_or_else(|| Arc::new(Fds::new().into()));
        // pingora uses a socket that its table lists under the endpoint's address; it owns the socket from here on.
        if let Some(socket) = self.socket.take() {
            sockets.lock().add(self.key.clone(), socket.into_raw_fd());
        }
        Service::start_service(&mut self.inner, Some(sockets), shutdown, listeners_per_fd).await;
    }

    fn name(&self) -> &str {
        Service::name(&self.inner)
    }

    fn threads(&self) -> Option<usize> {
        Service::threads(&self.inner)
    }

    fn listen_addresses(&self) -> Option<Vec<String>> {
        Service::listen_addresses(&self.inner)
    }
}

/// Runs a service on the current runtime, without a pingora `Server` and its signals, until `shutdown` turns true;
/// then until its requests are answered, for up to `drain_max`.
pub async fn serve(mut service: HttpService, shutdown: ShutdownWatch, drain_max: Duration) {
    let Serving { deadlines, in_flight, .. } = service.serving.clone();
    Service::start_service(&mut service, None, shutdown, 1).await;
    wait_until_drained(&in_flight, deadlines.linger, drain_max).await;
}

fn open(address: &Address, inherited: &mut Inherited) -> io::Result<(OwnedFd, Address)> {
    match address {
        Address::Tcp(wanted) => {
            let passed = inherited.take_tcp(wanted);
            let listener = passed.map_or_else(|| TcpListener::bind(wanted), Ok)?;
            listener.set_nonblocking(true)?;
            let bound = listener.local_addr()?;
            Ok((listener.into(), Address::Tcp(bound)))
        }
        Address::Unix(path) => {
            let passed = inherited.take_unix(path);
            let listener = passed.map_or_else(|| unix_path::bind(path), Ok)?;
            listener.set_nonblocking(true)?;
            Ok((listener.into(), address.clone()))
        }
    }
}

fn tls_settings(certificate: Arc<CertificateSlot>) -> TlsSettings {
    install_crypto_provider();
    let mut settings = TlsSettings::intermediate("", "")
        .expect("it only stores the paths, and the resolver set below replaces them");
    settings.set_cert_resolver(certificate);
    settings.set_alpn(ALPN::H1);
    settings
}

fn text(address: &Address) -> String {
    match address {
        Address::Tcp(address) => address.to_string(),
        Address::Unix(path) => path.display().to_string(),
    }
}

fn reason(cause: &io::Error) -> String {
    match cause.kind() {
        io::ErrorKind::AddrInUse => "the address is already in use".to_owned(),
        io::ErrorKind::AddrNotAvailable => "no interface of this machine has it".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::NotFound => "its directory does not exist".to_owned(),
        _ => cause.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(address: std::net::SocketAddr) -> Listener {
        Listener { address: Address::Tcp(address), tls: None }
    }

    #[test]
    fn an_address_in_use_is_an_error_that_names_the_listener() {
        let first = bind("listen.app", &tcp(([127, 0, 0, 1], 0).into())).unwrap();
        let Address::Tcp(taken) = *first.address() else { panic!("the configured address is TCP") };
        let error = bind("listen.admin", &tcp(taken)).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("`listen.admin`: cannot listen on `{taken}`: the address is already in use")
        );
    }

    #[test]
    fn port_zero_is_replaced_by_the_real_port() {
        let bound = bind("listen.app", &tcp(([127, 0, 0, 1], 0).into())).unwrap();
        let Address::Tcp(address) = *bound.address() else {
            panic!("the configured address is TCP")
        };
        assert_ne!(address.port(), 0);
        assert!(std::net::TcpStream::connect(address).is_ok(), "callers can already connect");
    }

    #[test]
    fn a_unix_path_without_a_directory_is_an_error_that_names_it() {
        let path = std::path::PathBuf::from("/nonexistent/app.sock");
        let listener = Listener { address: Address::Unix(path), tls: None };
        let error = bind("listen.app", &listener).unwrap_err().to_string();
        assert!(error.contains("`/nonexistent/app.sock`"), "{error}");
        assert!(error.contains("directory does not exist"), "{error}");
    }
}
