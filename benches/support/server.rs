//! The trivial server: reads a request with a Content-Length, answers the same bytes every time.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Listens on a port of the kernel's choice until the process ends, and calls `on_request` before each answer.
pub async fn start(
    answer: &'static [u8],
    on_request: impl Fn() + Clone + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, answer, on_request.clone()));
        }
    });
    address
}

async fn serve(mut stream: TcpStream, answer: &'static [u8], on_request: impl Fn()) {
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::with_capacity(16 * 1024);
    loop {
        let Some(length) = request_length(&buffer).filter(|length| buffer.len() >= *length) else {
            match stream.read_buf(&mut buffer).await {
                Ok(read) if read > 0 => continue,
                _ => return,
            }
        };
        buffer.drain(..length);
        on_request();
        if stream.write_all(answer).await.is_err() {
            return;
        }
    }
}

/// Head and body of the first request in `buffer`, in bytes, once its head is whole.
fn request_length(buffer: &[u8]) -> Option<usize> {
    let head = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&buffer[..head]).ok()?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    })?;
    Some(head + length)
}
