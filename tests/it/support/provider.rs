//! A scripted provider: records the exact bytes it receives and acts as the test requests. It shares no code with the
//! program: its expectations come from the provider's documentation.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::http::read_head;

/// The usual answer.
pub const ACCEPTED: &str = r#"{"code":10000,"message":"Success","data":{"transactionId":"D1","transactionStatus":"PENDING"}}"#;

/// What to do with a request.
#[derive(Clone, Debug)]
pub enum Action {
    /// Answer 200 with this body.
    Answer(String),
    /// Answer with this status and body.
    Status(u16, String),
    /// Write exactly these bytes and close.
    Raw(Vec<u8>),
    /// Read the request and close without an answer.
    Close,
    /// Wait this long, then answer 200 with the body.
    Late(Duration, String),
    /// The action that this function returns for the request.
    Choose(fn(&Received) -> Action),
    /// The action whose text is in the request's body.
    ByText(Vec<(String, Action)>),
    /// Wait until this is true, then answer with [`ACCEPTED`].
    Held(Arc<AtomicBool>),
}

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    pub head: String,
    pub body: Vec<u8>,
    /// The connection that brought it, counted from 0.
    pub connection: usize,
}

impl Received {
    /// The rest of the request that begins with `head`; `None` when the connection ends before it is complete.
    pub fn read(head: String, stream: &mut impl Read) -> Option<Self> {
        let mut request = Self { head, body: Vec::new(), connection: 0 };
        let length = request.header("content-length").expect("a Content-Length");
        request.body = vec![0; length.parse().expect("one number")];
        stream.read_exact(&mut request.body).ok()?;
        Some(request)
    }

    pub fn path(&self) -> &str {
        self.head.split(' ').nth(1).expect("a request line")
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.split("\r\n").skip(1).find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The members of the provider's envelope: appId, sign, param.
    pub fn envelope(&self) -> (String, String, String) {
        let envelope: serde_json::Value = serde_json::from_slice(&self.body).expect("an envelope");
        let text = |name: &str| {
            envelope[name].as_str().unwrap_or_else(|| panic!("`{name}`: {envelope}")).to_owned()
        };
        assert_eq!(envelope.as_object().map(serde_json::Map::len), Some(3), "{envelope}");
        (text("appId"), text("sign"), text("param"))
    }
}

/// A provider on a port chosen by the kernel; its threads end with the test process.
pub struct Provider {
    pub address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    action: Arc<Mutex<Action>>,
    open: Arc<AtomicBool>,
}

impl Provider {
    /// Answers everything with [`ACCEPTED`] until configured otherwise.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let provider = Self {
            address: listener.local_addr().expect("its address"),
            received: Arc::default(),
            action: Arc::new(Mutex::new(Action::Answer(ACCEPTED.to_owned()))),
            open: Arc::new(AtomicBool::new(true)),
        };
        let (received, action, open) =
            (provider.received.clone(), provider.action.clone(), provider.open.clone());
        let connections = AtomicUsize::new(0);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if !open.load(Ordering::SeqCst) {
                    return;
                }
                let (received, action) = (received.clone(), action.clone());
                let connection = connections.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || serve(stream, connection, &received, &action));
            }
        });
        provider
    }

    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on applies this to every request.
    pub fn will(&self, action: Action) {
        *self.action.lock().expect("no panic while held") = action;
    }

    /// Everything received so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().expect("no panic while held").clone()
    }

    /// The newest request.
    #[track_caller]
    pub fn last(&self) -> Received {
        self.received().last().expect("the provider received something").clone()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.open.store(false, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(
    mut stream: TcpStream,
    connection: usize,
    received: &Mutex<Vec<Received>>,
    action: &Mutex<Action>,
) {
    let _ = stream.set_nodelay(true);
    while let Some(head) = read_head(&mut stream) {
        let Some(request) = Received::read(head, &mut stream) else { return };
        let request = Received { connection, ..request };
        let mut action = action.lock().expect("no panic while held").clone();
        if let Action::Choose(choose) = action {
            action = choose(&request);
        }
        if let Action::ByText(choices) = action {
            let body = String::from_utf8_lossy(&request.body);
            let chosen = choices.into_iter().find(|(text, _)| body.contains(text));
            action = chosen.expect("one of the texts").1;
        }
        received.lock().expect("no panic while held").push(request);
        let (status, body) = match action {
            Action::Choose(_) | Action::ByText(_) => unreachable!("a choice is made at once"),
            Action::Answer(body) => (200, body),
            Action::Status(status, body) => (status, body),
            Action::Late(delay, body) => {
                std::thread::sleep(delay);
                (200, body)
            }
            Action::Held(released) => {
                while !released.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(20));
                }
                (200, ACCEPTED.to_owned())
            }
            Action::Close => {
                let _ = stream.shutdown(Shutdown::Both);
                return;
            }
            Action::Raw(bytes) => {
                let _ = stream.write_all(&bytes);
                return;
            }
        };
        let answer = format!(
            "HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}
