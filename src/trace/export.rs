//! The thread that sends spans to the collector: a bounded queue, batches, no second attempt.
//!
//! Payments do not wait for it: a span that finds the queue full is dropped and counted. An unreachable collector is
//! logged once, and once more when it is reachable again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc as blocking};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout_at};
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;

use super::layer::TracedSpan;
use super::otlp;
use crate::clock::{instant, later};
use crate::config::Tracing;
use crate::threads;
use crate::wire::{AnswerBody, Call, Timeouts, Upstream};

/// Spans that may wait, some 600 bytes each: the number that OpenTelemetry recommends.
const SPANS_WAITING_MAX: usize = 2048;

/// The most spans in one export, also recommended by OpenTelemetry.
const BATCH_MAX: usize = 512;

/// How long spans are collected before an export.
const GATHER_FOR: Duration = Duration::from_secs(1);

/// After a failed export: spans that arrive meanwhile are dropped when the queue is full.
const PAUSE: Duration = Duration::from_secs(5);

/// A collector is nearby.
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(2),
    send: Duration::from_secs(5),
    total: Duration::from_secs(10),
};

/// How long the end of the process waits for the last spans.
const FINISH_MAX: Duration = Duration::from_secs(2);

enum Message {
    Ended(Box<TracedSpan>),
    Finish(blocking::Sender<()>),
}

/// The queue of spans for the thread.
#[derive(Clone)]
pub(super) struct Queue {
    waiting: mpsc::Sender<Message>,
    dropped: Arc<AtomicU64>,
}

impl Queue {
    /// Queues `span`, or drops it.
    pub fn put(&self, span: Box<TracedSpan>) {
        if self.waiting.try_send(Message::Ended(span)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

static QUEUE: Mutex<Option<Queue>> = Mutex::new(None);

/// Exports what waits, for up to two seconds. Called at the end of the process.
pub fn finish() {
    let queue = QUEUE.lock().take();
    let Some(queue) = queue else { return };
    let (done, ended) = blocking::channel();
    if queue.waiting.try_send(Message::Finish(done)).is_ok() {
        let _ = ended.recv_timeout(FINISH_MAX);
    }
}

/// Starts the thread.
pub(super) fn start(settings: Tracing, upstream: Arc<dyn Upstream>) -> std::io::Result<Queue> {
    let (sender, waiting) = mpsc::channel(SPANS_WAITING_MAX);
    let queue = Queue { waiting: sender, dropped: Arc::default() };
    let dropped = queue.dropped.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let exporter = Exporter { settings, upstream, dropped, is_failing: false };
    threads::start("trace-export", move || runtime.block_on(exporter.run(waiting)))?;
    *QUEUE.lock() = Some(queue.clone());
    Ok(queue)
}

struct Exporter {
    settings: Tracing,
    upstream: Arc<dyn Upstream>,
    dropped: Arc<AtomicU64>,
    is_failing: bool,
}

impl Exporter {
    async fn run(mut self, mut waiting: mpsc::Receiver<Message>) {
        loop {
            let (spans, finish) = gather(&mut waiting).await;
            if !spans.is_empty() {
                let exported = self.export(&spans).await;
                self.tell(exported, spans.len());
            }
            match finish {
                Some(done) => {
                    let _ = done.send(());
                    return;
                }
                None if self.is_failing => sleep(PAUSE).await,
                None => {}
            }
        }
    }

    async fn export(&self, spans: &[Box<TracedSpan>]) -> Result<(), String> {
        let body = otlp::body(&self.settings.service, spans);
        let call = Call {
            path: self.settings.path.clone(),
            headers: vec![(CONTENT_TYPE, HeaderValue::from_static("application/json"))],
            body: Bytes::from(body),
            answer_body: AnswerBody::Ignored,
        };
        // Without a subscriber: messages about the connection would be logged every few seconds.
        let sent = self.upstream.send(&self.settings.target, call, TIMEOUTS, None);
        match sent.with_subscriber(NoSubscriber::new()).await {
            Ok(answer) if answer.status.is_success() => Ok(()),
            Ok(answer) => Err(format!("answered with HTTP status {}", answer.status.as_u16())),
            Err(error) => Err(error.to_string()),
        }
    }

    fn tell(&mut self, exported: Result<(), String>, count: usize) {
        match exported {
            Ok(()) if self.is_failing => {
                let spans = self.dropped.swap(0, Ordering::Relaxed);
                tracing::info!(spans, "traces are exported again; these spans were lost");
                self.is_failing = false;
            }
            Ok(()) => {}
            Err(error) => {
                let lost = u64::try_from(count).unwrap_or(u64::MAX);
                self.dropped.fetch_add(lost, Ordering::Relaxed);
                if !self.is_failing {
                    let host = self.settings.target.host.as_str();
                    tracing::warn!(host, error, "traces cannot be exported; payments continue");
                }
                self.is_failing = true;
            }
        }
    }
}

/// The spans of one second, at most one batch, and whether it is the last.
async fn gather(
    waiting: &mut mpsc::Receiver<Message>,
) -> (Vec<Box<TracedSpan>>, Option<blocking::Sender<()>>) {
    let mut spans = Vec::new();
    let mut next = waiting.recv().await;
    let until = later(instant(), GATHER_FOR);
    while let Some(message) = next {
        match message {
            Message::Ended(span) => spans.push(span),
            Message::Finish(done) => return (spans, Some(done)),
        }
        if spans.len() >= BATCH_MAX {
            break;
        }
        next = timeout_at(until, waiting.recv()).await.ok().flatten();
    }
    (spans, None)
}
