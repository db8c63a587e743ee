//! Closed-loop load: each connection sends its next request as soon as it has its answer.

use crate::Result;
use crate::http::{Connection, Response};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// What one connection does.
pub trait Worker: Send + 'static {
    /// The next request; `None` ends the work.
    fn request(&mut self) -> Option<Vec<u8>>;
    /// Looks at the answer.
    ///
    /// # Errors
    /// When it is not what it should be: a benchmark of failures measures nothing.
    fn answer(&mut self, response: &Response<'_>) -> Result<()>;
}

/// What was measured.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Requests per second.
    pub rate: f64,
    /// Requests, those that warmed up included.
    pub requests: usize,
    /// Latencies in microseconds, sorted.
    latencies: Vec<u32>,
}

impl Measured {
    /// The latency that this share of requests did not exceed, in milliseconds.
    pub fn percentile(&self, share: f64) -> f64 {
        let index = (self.latencies.len() as f64 * share) as usize;
        let micros = self
            .latencies
            .get(index.min(self.latencies.len().saturating_sub(1)));
        micros.map_or(f64::NAN, |micros| f64::from(*micros) / 1000.0)
    }
}

/// Lets `workers` work, each on a connection of its own, for `time` or until they are done; the
/// first tenth of `time` warms up and does not count. Gives the workers back.
pub async fn run<W: Worker>(
    address: SocketAddr,
    workers: Vec<W>,
    time: Option<Duration>,
) -> Result<(Measured, Vec<W>)> {
    let mut connections = Vec::new();
    for worker in workers {
        connections.push((worker, Connection::open(address).await?));
    }
    let start = Instant::now();
    let counted_from = start + time.unwrap_or_default() / 10;
    let end = time.map(|time| start + time);
    let mut tasks = JoinSet::new();
    for (mut worker, mut connection) in connections {
        tasks.spawn(async move {
            let (mut requests, mut latencies) = (0, Vec::with_capacity(1 << 16));
            while let Some(request) = worker.request() {
                let sent = Instant::now();
                if end.is_some_and(|end| sent >= end) {
                    break;
                }
                worker.answer(&connection.exchange(&request).await?)?;
                requests += 1;
                if sent >= counted_from {
                    latencies.push(u32::try_from(sent.elapsed().as_micros())?);
                }
            }
            Ok::<_, crate::Failure>((worker, requests, latencies))
        });
    }
    let (mut requests, mut latencies, mut workers) = (0, Vec::new(), Vec::new());
    while let Some(done) = tasks.join_next().await {
        let (worker, sent, own) = done??;
        requests += sent;
        latencies.extend(own);
        workers.push(worker);
    }
    let rate = latencies.len() as f64 / counted_from.elapsed().as_secs_f64();
    latencies.sort_unstable();
    let measured = Measured {
        rate,
        requests,
        latencies,
    };
    Ok((measured, workers))
}

/// Sends the same request over and over.
pub struct Repeat(pub Vec<u8>);

impl Worker for Repeat {
    fn request(&mut self) -> Option<Vec<u8>> {
        Some(self.0.clone())
    }
    fn answer(&mut self, response: &Response<'_>) -> Result<()> {
        crate::check(response, 200)
    }
}

/// Sends one request after the other, all over again at the end.
pub struct Cycle {
    requests: Arc<Vec<Vec<u8>>>,
    next: usize,
}

impl Cycle {
    /// Begins at number `first`.
    pub fn new(requests: &Arc<Vec<Vec<u8>>>, first: usize) -> Self {
        Self {
            requests: Arc::clone(requests),
            next: first % requests.len(),
        }
    }
}

impl Worker for Cycle {
    fn request(&mut self) -> Option<Vec<u8>> {
        let request = self.requests[self.next].clone();
        self.next = (self.next + 1) % self.requests.len();
        Some(request)
    }
    fn answer(&mut self, response: &Response<'_>) -> Result<()> {
        crate::check(response, 200)
    }
}

/// Sends each request once.
pub struct Queue(pub Vec<Vec<u8>>);

impl Worker for Queue {
    fn request(&mut self) -> Option<Vec<u8>> {
        self.0.pop()
    }
    fn answer(&mut self, response: &Response<'_>) -> Result<()> {
        crate::check(response, 200)
    }
}
