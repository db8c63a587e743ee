//! Connections to PostgreSQL that are cut in the middle of a transaction, at the worst moments.

use crate::database::{Database, open_at, within};
use crate::samples::{authorize, code, id, redeem};
use domain::SystemClock;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::time::Duration;
use store::{Location, PostgresOptions, Redeemed};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// When the next connection that commits is cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cut {
    Never,
    /// Before the server gets anything of the message with the commit.
    Before,
    /// The server gets half of it.
    Within,
    /// The server gets it all, and nobody gets the answer.
    After,
}

const CUTS: [Cut; 3] = [Cut::Before, Cut::Within, Cut::After];

/// A way to the server that can be cut.
struct Wire {
    address: SocketAddr,
    next: Arc<AtomicU8>,
    made: Arc<AtomicU32>,
}

impl Wire {
    async fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (next, made) = (Arc::<AtomicU8>::default(), Arc::<AtomicU32>::default());
        let (cut, cuts) = (Arc::clone(&next), Arc::clone(&made));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(carry(client, server, Arc::clone(&cut), Arc::clone(&cuts)));
            }
        });
        Self {
            address,
            next,
            made,
        }
    }

    fn cut(&self, cut: Cut) {
        self.next.store(cut as u8, Ordering::SeqCst);
    }

    fn cuts(&self) -> u32 {
        self.made.load(Ordering::SeqCst)
    }
}

/// Carries bytes both ways until one side ends, or it is time to cut.
async fn carry(
    mut client: TcpStream,
    mut server: TcpStream,
    next: Arc<AtomicU8>,
    made: Arc<AtomicU32>,
) {
    let (mut asked, mut answered) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(length @ 1..) = read else { return };
                let message = &asked[..length];
                let commits = message.windows(6).any(|bytes| bytes == b"COMMIT");
                let cut = match commits {
                    true => next.swap(Cut::Never as u8, Ordering::SeqCst),
                    false => Cut::Never as u8,
                };
                let cut = CUTS.into_iter().find(|own| *own as u8 == cut);
                let sent = match cut {
                    Some(Cut::Before) => 0,
                    Some(Cut::Within) => length / 2,
                    _ => length,
                };
                if server.write_all(&message[..sent]).await.is_err() {
                    return;
                }
                if cut.is_some() {
                    made.fetch_add(1, Ordering::SeqCst);
                    // Time for the server to do what it was asked.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    return;
                }
            }
            read = server.read(&mut answered) => {
                let Ok(length @ 1..) = read else { return };
                if client.write_all(&answered[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_moment_a_connection_is_cut_at_nothing_is_given_twice_or_lost() {
    let db = Database::postgres().await;
    let Location::Postgres(options) = &db.location else {
        panic!("not PostgreSQL");
    };
    let (before, rest) = options.dsn.split_once('@').unwrap();
    let (server, database) = rest.split_once('/').unwrap();
    let wire = Wire::to(server.to_owned()).await;
    let location = Location::Postgres(PostgresOptions {
        dsn: format!("{before}@{}/{database}", wire.address),
        ..options.clone()
    });
    let store = open_at(&location, Arc::new(SystemClock)).await.unwrap();
    within(Duration::from_secs(5), "hears", async || {
        store.generation().is_some()
    })
    .await;

    let (mut stood, mut lost) = (0, 0);
    for round in 0..24 {
        let cut = CUTS[round % CUTS.len()];
        // With others in the group, and alone; on a connection that was in use, and on an idle one.
        let many = round % 2 == 0;
        let codes: Vec<_> = (0..if many { 12 } else { 1 })
            .map(|_| code(&id(), "app"))
            .collect();
        for own in &codes {
            store.authorize(authorize(own)).await.unwrap();
        }
        if round % 4 < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let cuts = wire.cuts();
        wire.cut(cut);
        let commands: Vec<_> = codes.iter().map(redeem).collect();
        let redeemed = commands.iter().cloned().map(|own| store.redeem_code(own));
        let outcomes = futures_util::future::join_all(redeemed).await;
        assert_eq!(wire.cuts(), cuts + 1, "{cut:?}");
        for ((own, command), outcome) in codes.iter().zip(&commands).zip(outcomes) {
            let again = store.redeem_code(redeem(own)).await.unwrap();
            let jti = command.issuance.jti.as_str();
            let is_there = store.issuance(jti).await.unwrap().is_some();
            match outcome {
                Ok(Redeemed::Yes) => assert!(is_there && again == Redeemed::AlreadySpent),
                Ok(other) => panic!("{other:?}"),
                // Nobody can tell, but it is one of the two.
                Err(_) if is_there => {
                    assert_eq!(again, Redeemed::AlreadySpent);
                    stood += 1;
                }
                Err(_) => {
                    assert_eq!(again, Redeemed::Yes);
                    lost += 1;
                }
            }
        }
    }
    assert!(stood > 0 && lost > 0, "{stood} stood, {lost} did not");
    let report = store.verify_audit_chain().await.unwrap();
    assert_eq!(report.broken, None);
}
