//! `Host`: one, and well-formed (RFC 9112 §3.2).

use crate::harness::{Database, PATIENCE, Server};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The answer to a request of these bytes.
async fn answer(address: SocketAddr, head: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let request = format!("{head}connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    read.expect("in time").expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_request_names_one_host_on_both_listeners() {
    let server = Server::start(&Database::sqlite()).await;
    for (address, path) in [(server.public, "/livez"), (server.admin, "/metrics")] {
        let http1 = |hosts: &str| format!("GET {path} HTTP/1.1\r\n{hosts}");
        for good in [
            http1("Host: localhost\r\n"),
            http1("host: [::1]:9000\r\n"),
            format!("GET http://localhost{path} HTTP/1.1\r\nhost: localhost\r\n"),
            format!("GET {path} HTTP/1.0\r\n"),
            format!("GET {path} HTTP/1.0\r\nhost: localhost\r\n"),
        ] {
            let answer = answer(address, &good).await;
            assert!(answer.contains(" 200 OK\r\n"), "{good}: {answer}");
        }
        for bad in [
            http1(""),
            http1("host:\r\n"),
            http1("host: localhost\r\nhost: localhost\r\n"),
            http1("host: localhost\r\nhost: evil.example\r\n"),
            http1("host: a b\r\n"),
            http1("host: localhost/admin\r\n"),
            http1("host: user@localhost\r\n"),
            http1("host: localhost:port\r\n"),
            http1("host: localhost:99999\r\n"),
            http1("host: [::1\r\n"),
            http1("host: <script>\r\n"),
            http1("host: a, b\r\n"),
            format!("GET {path} HTTP/1.0\r\nhost: a\r\nhost: b\r\n"),
            format!("GET http://localhost{path} HTTP/1.1\r\n"),
        ] {
            let answer = answer(address, &bad).await;
            assert!(answer.contains(" 400 Bad Request\r\n"), "{bad}: {answer}");
            let told = answer.contains("invalid_request") && answer.contains("Host");
            assert!(told && answer.contains("x-request-id"), "{bad}: {answer}");
        }
    }
}
