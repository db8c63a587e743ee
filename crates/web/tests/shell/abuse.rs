//! Clients that are slow, silent, greedy or malformed.

use std::time::Duration;

use tokio::time::sleep;
use web::serve::ServeOptions;

use crate::server::{Server, Setup, request};

/// Long enough that a stalled machine does not pass it between two lines of a test.
const SHORT: Duration = Duration::from_secs(1);

fn short_reads() -> Setup {
    Setup {
        options: ServeOptions {
            read_timeout: SHORT,
            ..ServeOptions::default()
        },
        ..Setup::default()
    }
}

#[tokio::test]
async fn a_head_that_drips_in_is_cut_off() {
    let server = Server::with(short_reads()).await;
    let mut client = server.connect().await;
    client.send("GET /livez HTTP/1.1\r\n").await;
    for drip in 0..1000 {
        sleep(Duration::from_millis(20)).await;
        if !client.try_send(format!("x-{drip}: y\r\n")).await {
            return;
        }
    }
    panic!("the connection was never cut");
}

#[tokio::test]
async fn silence_is_cut_off() {
    let server = Server::with(short_reads()).await;
    assert_eq!(server.connect().await.closed().await, b"");
}

#[tokio::test]
async fn an_idle_connection_outlives_the_read_timeout_but_not_the_idle_timeout() {
    let mut setup = short_reads();
    setup.options.idle_timeout = SHORT * 5;
    let server = Server::with(setup).await;
    let mut client = server.connect().await;
    client.send(request("GET", "/livez", &[], "")).await;
    assert_eq!(client.answer().await.status, 200);
    sleep(SHORT * 2).await;
    client.send(request("GET", "/livez", &[], "")).await;
    assert_eq!(client.answer().await.status, 200);
    assert_eq!(client.closed().await, b"");
}

#[tokio::test]
async fn a_second_head_that_drips_in_is_cut_off_too() {
    let server = Server::with(short_reads()).await;
    let mut client = server.connect().await;
    client.send(request("GET", "/livez", &[], "")).await;
    assert_eq!(client.answer().await.status, 200);
    client.send("GET /livez HT").await;
    assert_eq!(client.closed().await, b"");
}

#[tokio::test]
async fn a_body_that_drips_in_is_answered_with_408() {
    let server = Server::with(short_reads()).await;
    let mut client = server.connect().await;
    client
        .send("POST /oauth/token HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n")
        .await;
    for _ in 0..10 {
        client.try_send("a").await;
        sleep(SHORT / 6).await;
    }
    let answer = client.answer().await;
    assert_eq!(answer.status, 408);
    assert_eq!(answer.json()["error"], "invalid_request");
    client.closed().await;
}

#[tokio::test]
async fn bodies_up_to_the_limit_are_taken_and_larger_ones_are_413() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let fits = "a".repeat(64 * 1024);
    client
        .send(request("POST", "/oauth/token", &[], &fits))
        .await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "65536"));
    // Announced, and sent to the end all the same: the answer must survive that.
    client
        .try_send(request(
            "POST",
            "/oauth/token",
            &[],
            &"a".repeat(2 * 1024 * 1024),
        ))
        .await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 413);
    assert_eq!(answer.json()["error"], "invalid_request");
}

#[tokio::test]
async fn a_chunked_body_has_the_same_limit() {
    let server = Server::start().await;
    let head = "POST /oauth/token HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut client = server.connect().await;
    client.send(head).await;
    for _ in 0..64 {
        client
            .send(format!("400\r\n{}\r\n", "a".repeat(1024)))
            .await;
    }
    client.send("0\r\n\r\n").await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "65536"));

    client.send(head).await;
    for _ in 0..65 {
        client
            .try_send(format!("400\r\n{}\r\n", "a".repeat(1024)))
            .await;
    }
    assert_eq!(client.answer().await.status, 413);

    let mut client = server.connect().await;
    client.send(head).await;
    client.send("zz\r\nnot a chunk").await;
    assert_eq!(client.answer().await.status, 400);
}

#[tokio::test]
async fn a_head_that_is_too_large_is_431() {
    let setup = Setup {
        options: ServeOptions {
            max_header_bytes: 8192,
            ..ServeOptions::default()
        },
        ..Setup::default()
    };
    let server = Server::with(setup).await;
    let mut client = server.connect().await;
    client
        .try_send(request(
            "GET",
            "/livez",
            &[("x-large", &"a".repeat(20_000))],
            "",
        ))
        .await;
    assert_eq!(client.answer().await.status, 431);

    let many = (0..200)
        .map(|n| format!("x-{n}: 1\r\n"))
        .collect::<String>();
    let mut client = server.connect().await;
    client
        .try_send(format!("GET /livez HTTP/1.1\r\nhost: a\r\n{many}\r\n"))
        .await;
    assert_eq!(client.answer().await.status, 431);
}

#[tokio::test]
async fn garbage_in_a_pipeline_is_refused_after_what_came_before_it() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let good = request("GET", "/livez", &[], "");
    client
        .send(
            [
                good.as_bytes(),
                good.as_bytes(),
                b"\x16\x03\x01\x00 garbage \xff\r\n\r\n",
            ]
            .concat(),
        )
        .await;
    assert_eq!(client.answer().await.status, 200);
    assert_eq!(client.answer().await.status, 200);
    assert_eq!(client.answer().await.status, 400);
    client.closed().await;
    assert_eq!(server.get("/livez", &[]).await.status, 200);
}

#[tokio::test]
async fn a_request_that_could_be_read_in_two_ways_is_refused() {
    let server = Server::start().await;
    for smuggled in [
        "POST /oauth/token HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
        "POST /oauth/token HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
        "POST /oauth/token HTTP/1.1\r\nhost: a\r\ntransfer-encoding: identity, x\r\n\r\n",
        "GET /livez HTTP/1.1\r\nhost: a\r\nx: a\0b\r\n\r\n",
    ] {
        let mut client = server.connect().await;
        client.send(smuggled).await;
        assert_eq!(client.answer().await.status, 400, "{smuggled:?}");
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off() {
    let options = ServeOptions {
        write_timeout: SHORT,
        ..ServeOptions::default()
    };
    let open = options.open.clone();
    let setup = Setup {
        options,
        ..Setup::default()
    };
    let server = Server::with(setup).await;
    let mut greedy = server.connect().await;
    greedy.send(request("GET", "/large", &[], "")).await;
    let given_up = tokio::time::Instant::now() + crate::server::PATIENCE;
    let mut seen = 0;
    while seen == 0 || open.get() > 0 {
        seen = seen.max(open.get());
        assert!(tokio::time::Instant::now() < given_up, "it is never cut");
        sleep(SHORT / 10).await;
    }
    assert!(
        greedy.try_answer().await.is_none(),
        "it was cut in the middle"
    );
}

async fn crowded(options: ServeOptions) -> Server {
    Server::with(Setup {
        options,
        ..Setup::default()
    })
    .await
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_while_all_others_are_busy() {
    let server = crowded(ServeOptions {
        max_connections: 2,
        ..ServeOptions::default()
    })
    .await;
    let mut busy = Vec::new();
    for _ in 0..2 {
        let mut client = server.connect().await;
        client.send(request("GET", "/wait", &[], "")).await;
        server.waiting.notified().await;
        busy.push(client);
    }
    let mut third = server.connect().await;
    third.send(request("GET", "/livez", &[], "")).await;
    let early = tokio::time::timeout(SHORT, third.answer()).await;
    assert!(early.is_err(), "served although there was no room");
    server.release.notify_one();
    assert_eq!(third.answer().await.status, 200, "one of them is idle now");
    server.release.notify_one();
}

#[tokio::test]
async fn an_idle_connection_makes_room_for_a_new_one() {
    let server = crowded(ServeOptions {
        max_connections: 2,
        ..ServeOptions::default()
    })
    .await;
    let mut idle = server.connect().await;
    idle.send(request("GET", "/livez", &[], "")).await;
    assert_eq!(idle.answer().await.status, 200);
    let mut busy = server.connect().await;
    busy.send(request("GET", "/wait", &[], "")).await;
    server.waiting.notified().await;
    assert_eq!(server.get("/livez", &[]).await.status, 200);
    assert!(idle.closed().await.is_empty());
    server.release.notify_one();
    assert_eq!(busy.answer().await.body, "waited");
}

#[tokio::test]
async fn an_address_with_many_idle_connections_keeps_the_newest() {
    let options = ServeOptions {
        max_connections_per_address: 10,
        ..ServeOptions::default()
    };
    let open = options.open.clone();
    let server = crowded(options).await;
    let mut clients = Vec::new();
    for _ in 0..100 {
        clients.push(server.connect().await);
    }
    let mut last = clients.pop().unwrap();
    last.send(request("GET", "/livez", &[], "")).await;
    assert_eq!(last.answer().await.status, 200);
    assert!(clients[0].closed().await.is_empty(), "the oldest is gone");
    assert!(open.get() <= 11, "{}", open.get());
}

#[tokio::test]
async fn an_address_whose_connections_are_all_busy_gets_no_more() {
    let server = crowded(ServeOptions {
        max_connections_per_address: 1,
        ..ServeOptions::default()
    })
    .await;
    let mut busy = server.connect().await;
    busy.send(request("GET", "/wait", &[], "")).await;
    server.waiting.notified().await;
    assert!(server.connect().await.closed().await.is_empty());
    server.release.notify_one();
    assert_eq!(busy.answer().await.body, "waited");
    assert_eq!(server.get("/livez", &[]).await.status, 200);
}

#[tokio::test]
async fn a_handler_that_hangs_is_answered_with_503() {
    let setup = Setup {
        change: Box::new(|state| state.handler_timeout = SHORT),
        ..Setup::default()
    };
    let server = Server::with(setup).await;
    let mut client = server.connect().await;
    client.send(request("GET", "/hang", &[], "")).await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["error"], "temporarily_unavailable");
    client.send(request("GET", "/livez", &[], "")).await;
    assert_eq!(client.answer().await.status, 200);
}

#[tokio::test]
async fn a_client_that_asks_first_is_told_to_go_on_or_not() {
    let server = Server::start().await;
    let head = |length: usize| {
        format!(
            "POST /oauth/token HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\n\
             content-length: {length}\r\n\r\n"
        )
    };
    let mut client = server.connect().await;
    client.send(head(5)).await;
    assert_eq!(client.answer().await.status, 100);
    client.send("hello").await;
    assert_eq!(client.answer().await.body, "5");
    client.send(head(1_000_000)).await;
    assert_eq!(
        client.answer().await.status,
        413,
        "before a byte of the body was sent"
    );
}
