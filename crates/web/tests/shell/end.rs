//! The end of a server.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use web::serve::ServeOptions;

use crate::server::{PATIENCE, Server, Setup, request};

#[tokio::test]
async fn what_is_in_flight_finishes_and_nothing_new_begins() {
    let mut server = Server::start().await;
    let mut busy = server.connect().await;
    let mut idle = server.connect().await;
    idle.send(request("GET", "/livez", &[], "")).await;
    idle.answer().await;
    busy.send(request("GET", "/wait", &[], "")).await;
    timeout(PATIENCE, server.waiting.notified()).await.unwrap();

    server.stop();
    assert_eq!(idle.closed().await, b"", "idle connections are closed");
    assert!(
        TcpStream::connect(server.address).await.is_err(),
        "new ones are refused"
    );
    assert!(!server.done.is_finished());

    server.release.notify_one();
    let answer = busy.answer().await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "waited"));
    busy.closed().await;
    timeout(PATIENCE, server.done).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_does_not_finish_in_time_is_cut() {
    let setup = Setup {
        options: ServeOptions {
            shutdown_wait: Duration::from_millis(200),
            ..ServeOptions::default()
        },
        ..Setup::default()
    };
    let mut server = Server::with(setup).await;
    let mut busy = server.connect().await;
    busy.send(request("GET", "/wait", &[], "")).await;
    timeout(PATIENCE, server.waiting.notified()).await.unwrap();
    server.stop();
    timeout(PATIENCE, server.done).await.unwrap().unwrap();
    assert!(busy.try_answer().await.is_none());
}

#[tokio::test]
async fn all_interfaces_means_both_families() {
    let any = config::ListenAddress {
        host: None,
        port: 0,
    };
    let listener = web::serve::Listener::bind(&any, None).unwrap();
    let port = listener.local_addr().port();
    TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    if listener.local_addr().is_ipv6() {
        TcpStream::connect(("::1", port)).await.unwrap();
    }
    let taken = config::ListenAddress { host: None, port };
    let error = web::serve::Listener::bind(&taken, None).unwrap_err();
    assert!(
        error
            .to_string()
            .contains(&format!("cannot listen on :{port}")),
        "{error}"
    );
}
