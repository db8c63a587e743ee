//! TLS, and its certificate changing under open connections.

use std::path::Path;
use std::sync::Arc;

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use web::serve::{Certificate, ServeOptions, TlsFiles};

use crate::server::{Client, Server, Setup, request};

fn write(folder: &Path) -> (TlsFiles, CertificateDer<'static>) {
    let CertifiedKey { cert, signing_key }: CertifiedKey<KeyPair> =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = TlsFiles::new(folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&files.cert_file, cert.pem()).unwrap();
    std::fs::write(&files.key_file, signing_key.serialize_pem()).unwrap();
    (files, cert.der().clone())
}

async fn connect(
    server: &Server,
    root: &CertificateDer<'static>,
    protocol: &[u8],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let stream = TcpStream::connect(server.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

#[tokio::test]
async fn a_new_certificate_is_served_without_dropping_connections() {
    let folder = tempfile::tempdir().unwrap();
    let (files, old) = write(folder.path());
    let server = Server::with(Setup {
        tls: Some(files),
        ..Setup::default()
    })
    .await;
    let mut before = Client::new(connect(&server, &old, b"http/1.1").await.unwrap());
    before.send(request("GET", "/livez", &[], "")).await;
    assert_eq!(before.answer().await.body, "alive");

    let (_, new) = write(folder.path());
    assert!(
        connect(&server, &new, b"http/1.1").await.is_err(),
        "not before the reload"
    );
    server.certificate.as_ref().unwrap().reload().unwrap();
    let mut after = Client::new(connect(&server, &new, b"http/1.1").await.unwrap());
    for client in [&mut before, &mut after] {
        client.send(request("GET", "/livez", &[], "")).await;
        assert_eq!(client.answer().await.status, 200);
    }
    assert!(connect(&server, &old, b"http/1.1").await.is_err());

    std::fs::write(folder.path().join("cert.pem"), "nonsense").unwrap();
    let error = server.certificate.as_ref().unwrap().reload().unwrap_err();
    assert!(error.to_string().contains("cert.pem"), "{error}");
    connect(&server, &new, b"http/1.1")
        .await
        .expect("the old one stays in use");
}

#[tokio::test]
async fn http2_is_spoken_when_the_client_asks_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let (files, root) = write(folder.path());
    let mut server = Server::with(Setup {
        tls: Some(files),
        ..Setup::default()
    })
    .await;
    let stream = connect(&server, &root, b"h2").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let io = hyper_util::rt::TokioIo::new(stream);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io)
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    for path in ["/livez", "/nowhere", "/panic", "/livez"] {
        let request = http::Request::get(format!("https://localhost{path}"))
            .body(axum::body::Body::empty())
            .unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(
            response.status().as_u16(),
            match path {
                "/livez" => 200,
                "/panic" => 500,
                _ => 404,
            }
        );
        assert!(response.headers().contains_key("x-request-id"));
    }
    server.stop();
    connection.await.unwrap().unwrap();
    server.done.await.unwrap();
}

#[tokio::test]
async fn a_handshake_that_does_not_come_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let (files, _) = write(folder.path());
    let server = Server::with(Setup {
        tls: Some(files),
        options: ServeOptions {
            read_timeout: std::time::Duration::from_millis(200),
            ..ServeOptions::default()
        },
        ..Setup::default()
    })
    .await;
    server.connect().await.closed().await;
    let mut plain = server.connect().await;
    plain.send("GET /livez HTTP/1.1\r\n\r\n").await;
    let said = plain.closed().await;
    assert!(!said.starts_with(b"HTTP/"));
}

#[test]
fn unusable_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    let (files, _) = write(folder.path());
    let (strange, _) = write(other.path());
    for (cert, key, named) in [
        (
            &files.cert_file,
            &strange.key_file,
            "cannot be used with the key",
        ),
        (
            &files.key_file,
            &files.key_file,
            "cannot read a certificate chain",
        ),
        (
            &files.cert_file,
            &files.cert_file,
            "cannot read a private key",
        ),
        (&folder.path().join("none"), &files.key_file, "none"),
    ] {
        let error = Certificate::load(&TlsFiles::new(cert, key)).unwrap_err();
        assert!(error.to_string().contains(named), "{error}");
    }
}
