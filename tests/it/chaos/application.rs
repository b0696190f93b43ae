//! The application that receives events: it accepts most of them, and occasionally fails.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::random::Random;
use crate::support::http::read_head;

/// An event that was accepted.
#[derive(Clone)]
pub struct Taken {
    pub at: Instant,
    pub id: String,
    pub event: Value,
}

/// Its threads end with the test process.
pub struct Application {
    pub address: SocketAddr,
    taken: Arc<Mutex<Vec<Taken>>>,
}

impl Application {
    /// With failures as chosen by `random`.
    pub fn start(random: Random) -> Self {
        Self::with(Some(random))
    }

    /// Without failures.
    pub fn steady() -> Self {
        Self::with(None)
    }

    fn with(random: Option<Random>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let application = Self { address, taken: Arc::default() };
        let (taken, random) = (application.taken.clone(), Arc::new(Mutex::new(random)));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (taken, random) = (taken.clone(), random.clone());
                thread::spawn(move || serve(stream, &taken, &random));
            }
        });
        application
    }

    /// Everything it accepted, in order.
    pub fn taken(&self) -> Vec<Taken> {
        self.taken.lock().expect("no panic while held").clone()
    }
}

fn serve(mut stream: TcpStream, taken: &Mutex<Vec<Taken>>, random: &Mutex<Option<Random>>) {
    let _ = stream.set_nodelay(true);
    while let Some(head) = read_head(&mut stream) {
        let field = |name: &str| {
            head.split("\r\n").skip(1).find_map(|line| {
                let (known, value) = line.split_once(':')?;
                known.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
            })
        };
        let length = field("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        if stream.read_exact(&mut body).is_err() {
            return;
        }
        let id = field("webhook-id").expect("an id");
        let event = serde_json::from_slice(&body).expect("a CloudEvent");
        // Sometimes accepted and not acknowledged: the same event comes again.
        taken.lock().expect("no panic while held").push(Taken { at: Instant::now(), id, event });
        let mood = random.lock().expect("no panic while held").as_mut().map(|it| it.below(40));
        let status = match mood {
            Some(0) => return,
            Some(1) => "500 Busy",
            _ => "204 Taken",
        };
        if mood == Some(2) {
            thread::sleep(Duration::from_secs(1));
        }
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}
