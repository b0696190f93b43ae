//! `countersign healthcheck`: asks a running sidecar how it is, for images and supervisors that bring no client of their own.
//!
//! It reads nothing of the configuration but the address, opens one connection, and is done within a few seconds.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::{CommandError, ConfigFile, Exit};
use crate::config::{Address, Listener, admin_listener};

/// For connecting, and for every read and write: shorter than what supervisors commonly wait in all.
const PATIENCE: Duration = Duration::from_secs(3);

/// The longest answer that is read, in bytes; reasons are far shorter.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

const READY: &str = "/readyz";
const ALIVE: &str = "/livez";

#[derive(Debug, clap::Args)]
#[command(after_help = "\
It asks the listener `listen.admin` of the configuration. One with a certificate is not asked: give a plain address by --at.")]
pub struct Args {
    #[command(flatten)]
    file: ConfigFile,
    /// Ask here, as ADDRESS:PORT or unix:/PATH, and read no configuration
    #[arg(long, value_name = "ADDR", value_parser = address)]
    at: Option<Address>,
    /// Ask only whether the process answers, not whether it is ready for work
    #[arg(long)]
    live: bool,
}

pub fn run(args: &Args) -> Result<Exit, CommandError> {
    let address = match &args.at {
        Some(address) => address.clone(),
        None => configured(args)?,
    };
    let (path, well) = if args.live { (ALIVE, "alive") } else { (READY, "ready") };
    let answer = ask(&address, path).map_err(|error| {
        CommandError::failed(format!("no answer from {}: {error}", text(&address)))
    })?;
    match answer {
        Answer { status: 200, .. } => {
            println!("{well}");
            Ok(Exit::Done)
        }
        Answer { status, body } => {
            let shown = String::from_utf8_lossy(&body);
            Err(CommandError::failed(format!("not {well}: status {status}: {}", shown.trim_end())))
        }
    }
}

fn configured(args: &Args) -> Result<Address, CommandError> {
    let listener =
        admin_listener(&args.file.config).map_err(|mistakes| CommandError::mistakes(&mistakes))?;
    match listener {
        Listener { tls: Some(_), .. } => Err(CommandError::failed(
            "`listen.admin` has a certificate, expected a plain listener or an address by --at",
        )),
        Listener { address: Address::Tcp(address), .. } if address.port() == 0 => {
            Err(CommandError::failed(
                "`listen.admin` has port 0, expected a port of its own or an address by --at",
            ))
        }
        Listener { address, .. } => Ok(address),
    }
}

fn address(word: &str) -> Result<Address, String> {
    match (word.strip_prefix("unix:"), word.parse()) {
        (Some(path), _) => Ok(Address::Unix(path.into())),
        (None, Ok(address)) => Ok(Address::Tcp(address)),
        (None, Err(_)) => Err("expected ADDRESS:PORT or unix:/PATH".to_owned()),
    }
}

struct Answer {
    status: u16,
    body: Vec<u8>,
}

fn ask(address: &Address, path: &str) -> io::Result<Answer> {
    match address {
        Address::Tcp(address) => {
            let stream = TcpStream::connect_timeout(&reachable(*address), PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            exchange(stream, path)
        }
        Address::Unix(file) => {
            let stream = UnixStream::connect(file)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            exchange(stream, path)
        }
    }
}

/// One that listens everywhere is reached on loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn exchange(mut stream: impl Read + Write, path: &str) -> io::Result<Answer> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut bytes = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut bytes)?;
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Response::new(&mut fields);
    let not_http = || io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP");
    match head.parse(&bytes) {
        Ok(httparse::Status::Complete(length)) => {
            let status = head.code.ok_or_else(not_http)?;
            Ok(Answer { status, body: bytes.split_off(length) })
        }
        Ok(httparse::Status::Partial) | Err(_) => Err(not_http()),
    }
}

fn text(address: &Address) -> String {
    match address {
        Address::Tcp(address) => address.to_string(),
        Address::Unix(path) => format!("unix:{}", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_every_address_is_asked_on_loopback() {
        for (listens, asked) in [
            ("0.0.0.0:8602", "127.0.0.1:8602"),
            ("[::]:8602", "[::1]:8602"),
            ("10.0.0.7:8602", "10.0.0.7:8602"),
        ] {
            let listens: SocketAddr = listens.parse().expect("an address");
            assert_eq!(reachable(listens).to_string(), asked);
        }
    }
}
