//! Serves the sidecar's page with figures chosen by the test.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};

use crate::support::Sidecar;
use crate::support::http::{Answer, get, read_head};

/// Answers until the test process ends.
pub struct StandIn {
    pub address: SocketAddr,
}

impl StandIn {
    /// Serves the page of `sidecar`. `status` receives the number of earlier requests, and returns nothing to hang
    /// up.
    pub fn of(
        sidecar: &Sidecar,
        status: impl Fn(usize) -> Option<String> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let page = get(sidecar.admin, "/");
        std::thread::spawn(move || {
            let mut asked = 0;
            for mut stream in listener.incoming().map_while(Result::ok) {
                let Some(head) = read_head(&mut stream) else { continue };
                match head.starts_with("GET / ") {
                    true => answer(&mut stream, &page),
                    false => {
                        let text = status(asked);
                        asked += 1;
                        if let Some(text) = text {
                            let kind = ("content-type".to_owned(), "application/json".to_owned());
                            let body = text.into_bytes();
                            answer(&mut stream, &Answer { status: 200, headers: vec![kind], body });
                        }
                    }
                }
            }
        });
        Self { address }
    }
}

fn answer(stream: &mut TcpStream, answer: &Answer) {
    let mut text = format!("HTTP/1.1 {} OK\r\nConnection: close\r\n", answer.status);
    for (name, value) in &answer.headers {
        if name != "connection" && name != "content-length" {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n", answer.body.len()));
    let bytes = [text.as_bytes(), &answer.body].concat();
    // A browser that disconnects in the middle does not matter here.
    let _ = stream.write_all(&bytes);
}
