//! A collector: the receiving end of OTLP, with the official generated types.

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{
    LogsService, LogsServiceServer,
};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::trace::v1::Span;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::Runtime;
use tonic::{Request, Response, Status};

/// Everything that came in.
#[derive(Default)]
pub struct Received {
    pub spans: Vec<Span>,
    pub logs: Vec<LogRecord>,
    pub metrics: Vec<Metric>,
    /// The attributes of whoever sent it, as `key=value`.
    pub resources: Vec<Vec<String>>,
}

/// A running collector; it ends with the test.
pub struct Collector {
    pub address: SocketAddr,
    received: Inbox,
    /// Of its own, so that its connections end with it.
    runtime: Option<Runtime>,
}

impl Drop for Collector {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Collector {
    /// On a free port.
    pub fn start() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("an address");
        drop(free);
        Self::start_at(address)
    }

    /// Where another was before.
    pub fn start_at(address: SocketAddr) -> Self {
        let received = Inbox::default();
        let server = tonic::transport::Server::builder()
            .add_service(TraceServiceServer::new(received.clone()))
            .add_service(LogsServiceServer::new(received.clone()))
            .add_service(MetricsServiceServer::new(received.clone()));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.spawn(async move {
            server.serve(address).await.expect("the collector serves");
        });
        Self {
            address,
            received,
            runtime: Some(runtime),
        }
    }

    pub fn received(&self) -> MutexGuard<'_, Received> {
        self.received.lock()
    }

    /// All spans of a trace, given in hexadecimal.
    pub fn trace(&self, id: &str) -> Vec<Span> {
        let received = self.received();
        let spans = received.spans.iter();
        spans
            .filter(|span| hex(&span.trace_id) == id)
            .cloned()
            .collect()
    }
}

/// Bytes in lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An attribute as text.
pub fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|own| own.key == key)?;
    Some(match found.value.clone()?.value? {
        any_value::Value::StringValue(text) => text,
        any_value::Value::IntValue(number) => number.to_string(),
        any_value::Value::BoolValue(flag) => flag.to_string(),
        other => format!("{other:?}"),
    })
}

#[derive(Clone, Default)]
struct Inbox(Arc<Mutex<Received>>);

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, Received> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn from(&self, resource: Option<opentelemetry_proto::tonic::resource::v1::Resource>) {
        let attributes = resource.map(|own| own.attributes).unwrap_or_default();
        let pairs = attributes.iter().map(|own| {
            let value = attribute(&attributes, &own.key).unwrap_or_default();
            format!("{}={value}", own.key)
        });
        self.lock().resources.push(pairs.collect());
    }
}

#[tonic::async_trait]
impl TraceService for Inbox {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for one in request.into_inner().resource_spans {
            self.from(one.resource);
            let spans = one.scope_spans.into_iter().flat_map(|scope| scope.spans);
            self.lock().spans.extend(spans);
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Inbox {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        for one in request.into_inner().resource_logs {
            self.from(one.resource);
            let records = one
                .scope_logs
                .into_iter()
                .flat_map(|scope| scope.log_records);
            self.lock().logs.extend(records);
        }
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Inbox {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        for one in request.into_inner().resource_metrics {
            self.from(one.resource);
            let metrics = one
                .scope_metrics
                .into_iter()
                .flat_map(|scope| scope.metrics);
            self.lock().metrics.extend(metrics);
        }
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}
