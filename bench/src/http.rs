//! The least of HTTP/1.1 that a load generator needs: one kept-alive connection, one request
//! at a time. It shares the processors with the server it measures, so it does no more.

use crate::{Result, failure};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A kept-alive connection.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A response, in the connection's buffer until the next request.
pub struct Response<'a> {
    pub status: u16,
    head: &'a [u8],
    pub body: &'a [u8],
}

impl Connection {
    /// Connects to `address`.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(16 * 1024),
        })
    }

    /// Sends `request` and waits for all of the response.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<Response<'_>> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let head = loop {
            self.fill().await?;
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end + 4;
            }
        };
        let length: usize =
            header(&self.buffer[..head], "content-length").map_or(Ok(0), str::parse)?;
        while self.buffer.len() < head + length {
            self.fill().await?;
        }
        let (head, body) = self.buffer.split_at(head);
        let status = std::str::from_utf8(&head[9..12])?.parse()?;
        Ok(Response { status, head, body })
    }

    async fn fill(&mut self) -> Result<()> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(failure("the server closed the connection")),
            _ => Ok(()),
        }
    }
}

impl<'a> Response<'a> {
    /// The first header of this (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        header(self.head, name)
    }

    /// The value of a string member of a JSON body that is known to hold no escapes there.
    pub fn member(&self, name: &str) -> Option<&'a str> {
        let text = std::str::from_utf8(self.body).ok()?;
        let (_, rest) = text.split_once(&format!("\"{name}\":\""))?;
        rest.split_once('"').map(|(value, _)| value)
    }

    /// The response, if it has this status.
    pub fn expect(self, status: u16) -> Result<Self> {
        if self.status == status {
            return Ok(self);
        }
        Err(failure(format!(
            "status {} instead of {status}: {}",
            self.status,
            String::from_utf8_lossy(self.body)
        )))
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    let lines = std::str::from_utf8(head).ok()?.split("\r\n").skip(1);
    lines
        .filter_map(|line| line.split_once(':'))
        .find_map(|(own, value)| own.eq_ignore_ascii_case(name).then_some(value.trim()))
}

/// A `GET`, with further header lines that each end in CR LF.
pub fn get(target: &str, headers: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n").into_bytes()
}

/// A `POST` of a form.
pub fn post(target: &str, headers: &str, form: &[(&str, &str)]) -> Vec<u8> {
    let body = encode(form);
    format!(
        "POST {target} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A form or a query.
pub fn encode(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}
