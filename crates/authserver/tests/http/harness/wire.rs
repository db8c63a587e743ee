//! HTTP/1.1 as bytes: requests that can be as wrong as a test wants them, and whole replies.

use super::PATIENCE;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// A request, not yet sent.
#[derive(Clone)]
pub struct Request {
    method: String,
    target: Vec<u8>,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Request {
    pub fn new(method: &str, target: impl AsRef<[u8]>) -> Self {
        Self {
            method: method.to_owned(),
            target: target.as_ref().to_vec(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub fn get(target: impl AsRef<[u8]>) -> Self {
        Self::new("GET", target)
    }

    /// `GET path?pairs`
    pub fn query(path: &str, pairs: &[(&str, &str)]) -> Self {
        Self::get(format!("{path}?{}", encode(pairs)))
    }

    /// A form.
    pub fn post(path: &str, pairs: &[(&str, &str)]) -> Self {
        Self::new("POST", path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(encode(pairs))
    }

    pub fn json(path: &str, body: &serde_json::Value) -> Self {
        Self::new("POST", path)
            .header("content-type", "application/json")
            .body(body.to_string())
    }

    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers
            .push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub fn bearer(self, key: &str) -> Self {
        self.header("authorization", format!("Bearer {key}"))
    }

    /// HTTP Basic as RFC 6749 §2.3.1 has it: both halves form-encoded first.
    pub fn basic(self, user: &str, password: &str) -> Self {
        let pair = format!("{}:{}", form(user), form(password));
        self.header("authorization", format!("Basic {}", STANDARD.encode(pair)))
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = [self.method.as_bytes(), b" ", &self.target].concat();
        bytes.extend_from_slice(b" HTTP/1.1\r\nhost: localhost\r\n");
        for (name, value) in &self.headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        if !self.body.is_empty() || self.method != "GET" {
            bytes.extend_from_slice(format!("content-length: {}\r\n", self.body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

fn form(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.encode().escape_ascii())
    }
}

/// Pairs as a form.
pub fn encode(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

/// An answer that comes in pieces (RFC 9112 §7.1), read as it comes.
pub struct Stream {
    socket: TcpStream,
    text: String,
    pending: Vec<u8>,
}

impl Stream {
    /// Asks, and reads the head, which has to be that of a good answer.
    pub async fn open(address: SocketAddr, request: &Request) -> Self {
        let mut socket = TcpStream::connect(address).await.expect("a connection");
        socket.write_all(&request.encode()).await.expect("sent");
        let (mut text, mut pending) = (String::new(), Vec::new());
        while !pending.windows(4).any(|own| own == b"\r\n\r\n") {
            let read = socket.read_buf(&mut pending).await.expect("a head");
            assert!(read > 0, "the head ends early");
        }
        let end = pending.windows(4).position(|own| own == b"\r\n\r\n");
        let head: Vec<u8> = pending.drain(..end.expect("an end") + 4).collect();
        text.push_str(str::from_utf8(&head).expect("a head"));
        assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
        assert!(text.contains("transfer-encoding: chunked\r\n"), "{text}");
        Self {
            socket,
            text,
            pending,
        }
    }

    /// What has come, with the head, as soon as it contains `part`; all, when it does not and
    /// the answer ends.
    pub async fn until(&mut self, part: &str) -> &str {
        let waiting = tokio::time::timeout(PATIENCE, async {
            while !self.text.contains(part) {
                if !self.piece().await {
                    break;
                }
            }
        });
        waiting.await.expect("in time");
        &self.text
    }

    /// The body, up to its end.
    pub async fn body(mut self) -> String {
        while self.piece().await {}
        let (_, body) = self.text.split_once("\r\n\r\n").expect("a head");
        body.to_owned()
    }

    /// Takes one more piece. Says whether there was one.
    async fn piece(&mut self) -> bool {
        loop {
            let line = self.pending.windows(2).position(|own| own == b"\r\n");
            if let Some(line) = line {
                let size = str::from_utf8(&self.pending[..line]).expect("a size");
                let size = usize::from_str_radix(size, 16).expect("a size");
                let end = line + 2 + size;
                if self.pending.len() >= end + 2 {
                    let piece = self.pending[line + 2..end].to_vec();
                    self.pending.drain(..end + 2);
                    self.text
                        .push_str(&String::from_utf8(piece).expect("whole letters"));
                    return size > 0;
                }
            }
            let read = self.socket.read_buf(&mut self.pending).await.unwrap_or(0);
            assert!(read > 0, "the answer breaks off");
        }
    }
}

/// One connection.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::new(),
        })
    }

    /// The same, from this address of the machine.
    pub async fn open_from(from: &str, address: SocketAddr) -> std::io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(from.parse().expect("an address"), 0))?;
        let stream = socket.connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::new(),
        })
    }

    /// Sends a request and waits for the whole reply; `None` when the connection ends first.
    pub async fn try_send(&mut self, request: &Request) -> Option<Reply> {
        self.stream.write_all(&request.encode()).await.ok()?;
        let reply = tokio::time::timeout(PATIENCE, self.reply(request.method != "HEAD"));
        reply.await.expect("a reply or an end in time")
    }

    pub async fn send(&mut self, request: &Request) -> Reply {
        let line = String::from_utf8_lossy(&request.target).into_owned();
        let reply = self.try_send(request).await;
        reply.unwrap_or_else(|| panic!("no reply to {} {line}", request.method))
    }

    async fn reply(&mut self, with_body: bool) -> Option<Reply> {
        loop {
            if let Some((reply, length)) = Reply::parse(&self.buffer, with_body) {
                self.buffer.drain(..length);
                return Some(reply);
            }
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }
}

/// A whole reply.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Reply {
    /// The values of all headers of this name.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let name = name.to_owned();
        let own = self.headers.iter().filter(move |(own, _)| *own == name);
        own.map(|(_, value)| value.as_str())
    }

    /// The value of a header that may be there once.
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.all(name);
        let value = values.next();
        assert!(values.next().is_none(), "{name} only once: {self:?}");
        value
    }

    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The `error` member.
    #[track_caller]
    pub fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_default().to_owned()
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// An OAuth error answer with this code.
    #[track_caller]
    pub fn refused(self, status: u16, error: &str) -> Self {
        assert_eq!(
            (self.status, self.error().as_str()),
            (status, error),
            "{self:?}"
        );
        self
    }

    /// Where a redirect leads.
    #[track_caller]
    pub fn location(&self) -> &str {
        assert!(matches!(self.status, 302 | 303), "a redirect: {self:?}");
        self.header("location").expect("a location")
    }

    fn parse(bytes: &[u8], with_body: bool) -> Option<(Self, usize)> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let head = str::from_utf8(&bytes[..end]).expect("headers are text");
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().expect("a status");
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect::<Vec<_>>();
        let length = headers
            .iter()
            .find(|(name, _)| with_body && name == "content-length")
            .map_or(0, |(_, value)| value.parse().expect("a length"));
        let body = bytes.get(end..end + length)?;
        let body = String::from_utf8_lossy(body).into_owned();
        let reply = Self {
            status,
            headers,
            body,
        };
        Some((reply, end + length))
    }
}
