//! One running server, wherever it runs: its two addresses and what everyone asks of it.

use super::wire::{Connection, Reply, Request};
use std::net::SocketAddr;

/// The admin API key of every server here.
pub const ADMIN_KEY: &str = "kQ7wW2vZ9xT4bN6mR1cY";

/// The addresses of a running server.
#[derive(Debug, Clone, Copy)]
pub struct Instance {
    pub public: SocketAddr,
    pub admin: SocketAddr,
}

impl Instance {
    /// Sends to the public listener, on a connection of its own.
    pub async fn send(&self, request: &Request) -> Reply {
        let connection = Connection::open(self.public).await;
        connection.expect("the server accepts").send(request).await
    }

    /// The same, when the server may be gone.
    pub async fn try_send(&self, request: &Request) -> Option<Reply> {
        let mut connection = Connection::open(self.public).await.ok()?;
        connection.try_send(request).await
    }

    pub async fn get(&self, target: &str) -> Reply {
        self.send(&Request::get(target)).await
    }

    pub async fn post(&self, path: &str, pairs: &[(&str, &str)]) -> Reply {
        self.send(&Request::post(path, pairs)).await
    }

    /// Sends to the admin listener.
    pub async fn send_admin(&self, request: &Request) -> Reply {
        let connection = Connection::open(self.admin).await;
        connection.expect("the server accepts").send(request).await
    }

    /// The value of one series, such as `authserver_introspection_total{active="true"}`.
    ///
    /// It has to exist: a series that is born at 1 is invisible to `rate()`.
    pub async fn metric(&self, series: &str) -> f64 {
        let page = self.send_admin(&Request::get("/metrics")).await.expect(200);
        let line = page.body.lines().find_map(|line| {
            let (own, value) = line.rsplit_once(' ')?;
            (own == series).then_some(value)
        });
        let value = line.unwrap_or_else(|| panic!("the series {series} exists"));
        value.parse().expect("a number")
    }
}
