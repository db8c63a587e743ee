//! A server with a handful of routes, and a client that sends exactly the bytes it is told to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Extension;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use config::{Config, ListenAddress};
use domain::SystemRng;
use telemetry::metrics::{Format, MetricsOptions};
use telemetry::{Metrics, RequestContext};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use web::serve::{Listener, ServeOptions, TlsFiles, serve};
use web::shell::{AlreadyLogged, Exchange, ShellState, wrap};

/// Longer than anything here should take on the slowest machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What a test wants to be different from the default.
pub struct Setup {
    pub config: Config,
    pub options: ServeOptions,
    pub tls: Option<TlsFiles>,
    pub admin: bool,
    pub change: Box<dyn FnOnce(&mut ShellState)>,
}

impl Default for Setup {
    fn default() -> Self {
        let mut config = Config::default();
        config.rate_limit.enabled = false;
        Self {
            config,
            options: ServeOptions::default(),
            tls: None,
            admin: false,
            change: Box::new(|_| {}),
        }
    }
}

pub struct Server {
    pub address: SocketAddr,
    pub metrics: Metrics,
    pub certificate: Option<web::serve::Certificate>,
    /// Lets the handler of `/wait` go on.
    pub release: Arc<Notify>,
    /// Told when the handler of `/wait` begins.
    pub waiting: Arc<Notify>,
    stop: Option<oneshot::Sender<()>>,
    pub done: JoinHandle<()>,
}

impl Server {
    pub async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    pub async fn with(setup: Setup) -> Self {
        let metrics = Metrics::new(MetricsOptions::default());
        let make = if setup.admin {
            ShellState::admin
        } else {
            ShellState::public
        };
        let mut state = make(&setup.config, metrics.clone(), Arc::new(SystemRng));
        (setup.change)(&mut state);
        let release = Arc::new(Notify::new());
        let waiting = Arc::new(Notify::new());
        let service = wrap(routes(Arc::clone(&release), Arc::clone(&waiting)), state);
        let local = ListenAddress {
            host: Some("127.0.0.1".into()),
            port: 0,
        };
        let listener = Listener::bind(&local, setup.tls.as_ref()).unwrap();
        let address = listener.local_addr();
        let certificate = listener.certificate().cloned();
        let (stop, stopped) = oneshot::channel::<()>();
        let done = tokio::spawn(serve(listener, service, setup.options, async {
            let _ = stopped.await;
        }));
        Self {
            address,
            metrics,
            certificate,
            release,
            waiting,
            stop: Some(stop),
            done,
        }
    }

    pub fn stop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
    }

    pub async fn connect(&self) -> Client<TcpStream> {
        Client::new(TcpStream::connect(self.address).await.unwrap())
    }

    /// One request on a connection of its own.
    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut client = self.connect().await;
        client.send(&request("GET", path, headers, "")).await;
        client.answer().await
    }

    pub fn scrape(&self) -> String {
        self.metrics.render(Format::Text)
    }
}

fn routes(release: Arc<Notify>, waiting: Arc<Notify>) -> Router {
    Router::new()
        .route("/livez", get(|| async { "alive" }))
        .route("/login", get(|| async { "page" }))
        .route("/panic", get(panics))
        .route("/panic-late", get(panics_late))
        .route("/items/{id}", get(|| async { "item" }))
        .route(
            "/oauth/token",
            post(|body: Bytes| async move { body.len().to_string() }),
        )
        .route("/oauth/revoke", get(panics))
        .route(
            "/oauth/introspect",
            get(|| async { std::future::pending::<()>().await }),
        )
        .route("/.well-known/jwks.json", get(|| async { "{}" }))
        .route(
            "/csp",
            get(|| async { ([("content-security-policy", "default-src 'self'")], "own") }),
        )
        .route("/who", get(who))
        .route(
            "/hang",
            get(|| async { std::future::pending::<()>().await }),
        )
        .route("/large", get(|| async { vec![b'x'; 64 * 1024 * 1024] }))
        .route(
            "/logged",
            get(|| async {
                tracing::info!("token issued");
                Extension(AlreadyLogged)
            }),
        )
        .route(
            "/unready",
            get(|| async { StatusCode::SERVICE_UNAVAILABLE }),
        )
        .route(
            "/wait",
            get(move || async move {
                waiting.notify_one();
                release.notified().await;
                "waited"
            }),
        )
}

async fn panics() -> &'static str {
    panic!("on purpose")
}

async fn panics_late() -> &'static str {
    tokio::task::yield_now().await;
    panic!("on purpose, late")
}

async fn who(
    Extension(exchange): Extension<Arc<Exchange>>,
    headers: HeaderMap,
) -> impl IntoResponse {
    let context = RequestContext::current().unwrap();
    assert_eq!(context, exchange.context);
    assert!(headers.len() < 100);
    format!(
        "{} {} {}",
        exchange.client, context.request_id, context.trace_id
    )
}

/// A request as bytes.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() {
        text += &format!("content-length: {}\r\n", body.len());
    }
    text + "\r\n" + body
}

pub struct Client<T> {
    stream: T,
    buffer: Vec<u8>,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Client<T> {
    pub fn new(stream: T) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    pub async fn send(&mut self, text: impl AsRef<[u8]>) {
        self.stream.write_all(text.as_ref()).await.unwrap();
    }

    /// Sends as far as the other side lets us.
    pub async fn try_send(&mut self, text: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(text.as_ref()).await.is_ok()
    }

    /// The next answer, or `None` when the connection ends before one is complete.
    pub async fn try_answer(&mut self) -> Option<Answer> {
        loop {
            if let Some((answer, length)) = Answer::parse(&self.buffer) {
                self.buffer.drain(..length);
                return Some(answer);
            }
            let read = tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.buffer));
            match read.await.expect("an answer or an end in time") {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    pub async fn answer(&mut self) -> Answer {
        self.try_answer().await.expect("an answer")
    }

    /// Waits for the other side to close, and says what it sent before that.
    pub async fn closed(&mut self) -> Vec<u8> {
        let rest = self.stream.read_to_end(&mut self.buffer);
        let _ = tokio::time::timeout(PATIENCE, rest)
            .await
            .expect("closed in time");
        std::mem::take(&mut self.buffer)
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(header, _)| header == name);
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} only once");
        value
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let head = str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().unwrap();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect::<Vec<_>>();
        let length = headers
            .iter()
            .find(|(name, _)| name == "content-length")
            .map_or(0, |(_, value)| value.parse::<usize>().unwrap());
        let body = bytes.get(end..end + length)?;
        let body = String::from_utf8_lossy(body).into_owned();
        Some((
            Self {
                status,
                headers,
                body,
            },
            end + length,
        ))
    }
}
