//! Certificates are checked, and an operator's own authority can be added.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use outbound::{GetOptions, GuardPolicy, GuardedClient, LookupAddresses};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use url::Url;

struct Loopback;

impl LookupAddresses for Loopback {
    fn lookup(&self, _host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        async { Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]) }.boxed()
    }
}

/// Serves `{}` over TLS for `app.example`; yields the port and the certificate.
async fn serve() -> (u16, Vec<u8>) {
    let names = vec![String::from("app.example")];
    let certified = rcgen::generate_simple_self_signed(names).unwrap();
    let certificate = certified.cert.der().to_vec();
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
            let _ = stream.write_all(answer).await;
            let _ = stream.shutdown().await;
        }
    });
    (port, certificate)
}

async fn get(url: String, extra_roots: Vec<Vec<u8>>) -> Result<String, outbound::FetchError> {
    let policy = GuardPolicy {
        allow_private_addresses: true,
        timeout: Duration::from_secs(5),
        extra_roots,
        ..GuardPolicy::default()
    };
    let client = GuardedClient::with_lookup(policy, Arc::new(Loopback)).unwrap();
    let url = Url::parse(&url).unwrap();
    let document = client.get(&url, GetOptions::default()).await?;
    Ok(String::from_utf8(document.body.to_vec()).unwrap())
}

#[tokio::test]
async fn only_a_trusted_certificate_for_the_right_name_will_do() {
    let (port, certificate) = serve().await;
    let right = format!("https://app.example:{port}/x");
    let wrong = format!("https://other.example:{port}/x");

    assert_eq!(
        get(right.clone(), vec![certificate.clone()]).await.unwrap(),
        "{}"
    );
    assert_eq!(get(right, vec![]).await.unwrap_err().reason(), "connect");
    assert_eq!(
        get(wrong, vec![certificate]).await.unwrap_err().reason(),
        "connect"
    );
}
