//! What watching the server costs: machine tokens with everything on, with few traces, and with
//! nothing on; and a scrape.

use crate::http::{Connection, get};
use crate::machine::{CONNECTIONS, Stage, load, repeat};
use crate::report::Report;
use crate::server::{Database, Installation, free_port};
use crate::{Arguments, Result, failure};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// Scrapes of which the median counts.
const SCRAPES: usize = 50;

/// Counts the spans it is sent, on a thread of its own.
#[derive(Clone, Default)]
struct Receiver(Arc<AtomicU64>);

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> std::result::Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        let resources = request.into_inner().resource_spans;
        let scopes = resources.iter().flat_map(|own| &own.scope_spans);
        let spans: usize = scopes.map(|own| own.spans.len()).sum();
        self.0.fetch_add(spans as u64, Relaxed);
        Ok(tonic::Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Receiver {
    /// Starts one that runs to the end of the process.
    fn start() -> Result<(Self, SocketAddr)> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let receiver = Self::default();
        let service = TraceServiceServer::new(receiver.clone());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        std::thread::spawn(move || {
            let server = tonic::transport::Server::builder().add_service(service);
            runtime.block_on(server.serve(address))
        });
        Ok((receiver, address))
    }
}

fn traced(receiver: SocketAddr, rate: &str) -> Vec<(&'static str, String)> {
    vec![
        ("AUTHPLANE_TRACING_ENABLED", "true".into()),
        ("AUTHPLANE_TRACING_ENDPOINT", receiver.to_string()),
        ("AUTHPLANE_TRACING_INSECURE", "true".into()),
        ("AUTHPLANE_TRACING_SAMPLE_RATE", rate.into()),
    ]
}

/// The three take turns; then the first is scraped.
pub async fn measure(arguments: &Arguments, report: &mut Report) -> Result<()> {
    let (receiver, address) = Receiver::start()?;
    let nothing = vec![
        ("AUTHPLANE_METRICS_PROVIDER", "none".into()),
        ("AUTHPLANE_LOG_LEVEL", "error".into()),
    ];
    let contestants = [
        ("machine token, watched", traced(address, "1.0")),
        (
            "machine token, one trace in a hundred",
            traced(address, "0.01"),
        ),
        ("machine token, unwatched", nothing),
    ];
    let mut stages = Vec::new();
    for (title, variables) in contestants {
        let installation = Installation::new(&arguments.authserver, &Database::Sqlite)?;
        stages.push((title, Stage::on(installation.with(variables), 1).await?));
    }
    scrape(&stages[0].1, report).await?;
    for _ in 0..arguments.rounds {
        for (title, stage) in &stages {
            let workers = repeat(&stage.request(None, ""), CONNECTIONS);
            load(title, &stage.server, workers, arguments, report).await?;
        }
    }
    let spans = receiver.0.load(Relaxed);
    if spans == 0 {
        return Err(failure("no span came in: nothing was watched"));
    }
    report.add("spans received", "", spans as f64);
    let unwatched = stages[2].0;
    report.compare("watched / unwatched", stages[0].0, unwatched);
    report.compare("one trace in a hundred / unwatched", stages[1].0, unwatched);
    Ok(())
}

async fn scrape(stage: &Stage, report: &mut Report) -> Result<()> {
    let mut connection = Connection::open(stage.installation.admin_address()).await?;
    let request = get("/metrics", "");
    for _ in 0..SCRAPES {
        let begun = Instant::now();
        let page = connection.exchange(&request).await?.expect(200)?;
        let text = String::from_utf8_lossy(page.body);
        let series = text.lines().filter(|line| !line.starts_with('#')).count();
        report.add("scrape", "ms", begun.elapsed().as_secs_f64() * 1000.0);
        report.add("series", "", series as f64);
    }
    Ok(())
}
