//! From what is recorded to a collector: a bounded queue and a task that sends what has
//! gathered. No request ever waits for it; what finds no room, or cannot be sent, is counted.

use crate::metrics::{Metrics, Signal};
use opentelemetry_sdk::error::OTelSdkResult;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Items that may wait.
const QUEUE: usize = 16_384;
/// Bytes that they may have, together with those that are being sent.
const BYTES: usize = 16 << 20;
/// What an attribute takes besides its text, about.
pub(crate) const ATTRIBUTE: usize = 64;
/// Items sent at a time.
const BATCH: usize = 512;
/// How long the first of a batch waits for others.
const GATHER: Duration = Duration::from_secs(1);
/// How long the collector may take for a batch.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the end of the server waits for the last batches.
const FAREWELL: Duration = Duration::from_secs(5);
/// Trouble is told of no more often than this.
const COMPLAIN: Duration = Duration::from_secs(60);

/// How batches of one signal are sent.
pub(crate) trait Carrier: Send + 'static {
    /// What is sent.
    type Item: Send + 'static;
    /// Under which drops are counted.
    const SIGNAL: Signal;

    /// Bytes that an item takes in memory, about.
    fn bytes(item: &Self::Item) -> usize;

    /// Sends a batch.
    fn send(&self, batch: Vec<Self::Item>) -> impl Future<Output = OTelSdkResult> + Send;
}

/// An item and the room that it takes, for as long as it is there.
type Queued<T> = (T, OwnedSemaphorePermit);

/// Where items are put.
pub(crate) struct Sender<T> {
    queue: mpsc::Sender<Queued<T>>,
    room: Arc<Semaphore>,
    bytes: fn(&T) -> usize,
    signal: Signal,
    metrics: Metrics,
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self {
            queue: self.queue.clone(),
            room: Arc::clone(&self.room),
            bytes: self.bytes,
            signal: self.signal,
            metrics: self.metrics.clone(),
        }
    }
}

impl<T> std::fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sender")
    }
}

impl<T> Sender<T> {
    pub fn send(&self, item: T) {
        let bytes = u32::try_from((self.bytes)(&item)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).try_acquire_many_owned(bytes);
        let queued = room.is_ok_and(|room| self.queue.try_send((item, room)).is_ok());
        if !queued {
            self.metrics.telemetry_dropped.add(self.signal);
        }
    }
}

/// The task that sends one signal.
#[must_use = "what is left is sent by `finish`"]
pub struct Shipping {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Shipping {
    /// Starts sending, within a tokio runtime.
    pub(crate) fn start<C>(carrier: C, metrics: &Metrics) -> (Sender<C::Item>, Self)
    where
        C: Carrier + Sync,
    {
        let (queue, items) = mpsc::channel(QUEUE);
        let (stop, stopping) = watch::channel(false);
        let sender = Sender {
            queue,
            room: Arc::new(Semaphore::new(BYTES)),
            bytes: C::bytes,
            signal: C::SIGNAL,
            metrics: metrics.clone(),
        };
        let work = Work {
            carrier,
            metrics: metrics.clone(),
            complained: None,
        };
        let task = tokio::spawn(work.run(items, stopping));
        (sender, Self { stop, task })
    }

    /// Sends what is left, for at most five seconds.
    pub async fn finish(self) {
        self.stop.send_replace(true);
        // A collector that does not answer by now is not waited for.
        drop(tokio::time::timeout(FAREWELL, self.task).await);
    }
}

struct Work<C> {
    carrier: C,
    metrics: Metrics,
    complained: Option<Instant>,
}

impl<C: Carrier> Work<C> {
    async fn run(
        mut self,
        mut items: mpsc::Receiver<Queued<C::Item>>,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                received = items.recv_many(&mut batch, BATCH) => {
                    if received == 0 {
                        return;
                    }
                }
                _ = stop.wait_for(|stop| *stop), if !items.is_closed() => {
                    items.close();
                    continue;
                }
            }
            let gather = async {
                while batch.len() < BATCH {
                    let room = BATCH - batch.len();
                    if items.recv_many(&mut batch, room).await == 0 {
                        break;
                    }
                }
            };
            tokio::select! {
                () = gather => {}
                () = tokio::time::sleep(GATHER) => {}
                _ = stop.wait_for(|stop| *stop) => items.close(),
            }
            self.send(&mut batch).await;
        }
    }

    async fn send(&mut self, batch: &mut Vec<Queued<C::Item>>) {
        let count = batch.len() as u64;
        let (batch, _room): (Vec<_>, Vec<_>) = std::mem::take(batch).into_iter().unzip();
        let sent = self.carrier.send(batch);
        let trouble = match tokio::time::timeout(PATIENCE, sent).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => String::from("no answer in time"),
        };
        self.metrics.telemetry_dropped.add_many(C::SIGNAL, count);
        if self
            .complained
            .is_none_or(|last| last.elapsed() >= COMPLAIN)
        {
            self.complained = Some(Instant::now());
            tracing::warn!(
                signal = crate::metrics::Label::as_str(C::SIGNAL),
                dropped = count,
                error = trouble,
                "telemetry could not be sent; it is dropped and counted while this lasts"
            );
        }
    }
}
