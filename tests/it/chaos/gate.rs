//! A port that stays the same while the process behind it comes and goes, and that can be shut: connections are then
//! refused, and open ones are cut.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::http::reset;

const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Its threads end with the test process.
pub struct Gate {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    target: Option<SocketAddr>,
    shut_until: Option<Instant>,
    open: Vec<TcpStream>,
}

impl Gate {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let gate = Self { address, state: Arc::default() };
        let state = gate.state.clone();
        thread::spawn(move || keep(listener, address, &state));
        gate
    }

    pub fn lead_to(&self, target: SocketAddr) {
        lock(&self.state).target = Some(target);
    }

    pub fn lead_nowhere(&self) {
        lock(&self.state).target = None;
    }

    /// Refuses connections for a while and cuts those that are open.
    pub fn shut(&self, down: Duration) {
        let mut state = lock(&self.state);
        state.shut_until = Some(Instant::now() + down);
        state.open.drain(..).for_each(|stream| reset(&stream));
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn keep(listener: TcpListener, address: SocketAddr, state: &Arc<Mutex<State>>) {
    let mut listener = Some(listener);
    loop {
        let is_shut = lock(state).shut_until.is_some_and(|until| Instant::now() < until);
        match (&listener, is_shut) {
            (_, true) => listener = None,
            (None, false) => listener = TcpListener::bind(address).ok(),
            (Some(open), false) => accept(open, state),
        }
        thread::sleep(LOOK_EVERY);
    }
}

fn accept(listener: &TcpListener, state: &Arc<Mutex<State>>) {
    let _ = listener.set_nonblocking(true);
    while let Ok((from, _)) = listener.accept() {
        let Some(target) = lock(state).target else { continue };
        let Ok(to) = TcpStream::connect(target) else { continue };
        let _ = from.set_nonblocking(false);
        let _ = (from.set_nodelay(true), to.set_nodelay(true));
        lock(state)
            .open
            .extend([&from, &to].into_iter().filter_map(|stream| stream.try_clone().ok()));
        carry(&from, &to);
        carry(&to, &from);
    }
}

/// Copies until one side ends; an orderly end is passed on as such, a reset as a reset.
fn carry(from: &TcpStream, to: &TcpStream) {
    let (Ok(mut from), Ok(mut to)) = (from.try_clone(), to.try_clone()) else { return };
    thread::spawn(move || match io::copy(&mut from, &mut to) {
        Ok(_) => {
            let _ = to.shutdown(Shutdown::Write);
        }
        Err(_) => {
            reset(&to);
            reset(&from);
        }
    });
}
