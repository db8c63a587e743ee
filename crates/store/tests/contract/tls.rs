//! TLS to PostgreSQL: what each `sslmode` asks of the server's certificate.

use crate::database::{open_at, within};
use domain::SystemClock;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use store::{Location, PostgresOptions, Store};
use testing::Postgres;

/// An authority with its certificate in a file.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: PathBuf,
}

impl Authority {
    fn new(folder: &Path, name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let file = folder.join(name);
        std::fs::write(&file, params.self_signed(&key).unwrap().pem()).unwrap();
        Self {
            issuer: Issuer::new(params, key),
            file,
        }
    }

    fn text(&self) -> String {
        std::fs::read_to_string(&self.file).unwrap()
    }

    /// A certificate for this host, and its key.
    fn certify(&self, host: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([host.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

async fn open(dsn: &str) -> store::Result<Store> {
    let options = PostgresOptions {
        max_connections: 4,
        min_connections: 1,
        connect_timeout: Duration::from_secs(1),
        ..PostgresOptions::new(dsn.to_owned())
    };
    open_at(&Location::Postgres(options), Arc::new(SystemClock)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_mode_looks_at_as_much_of_the_certificate_as_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let own = Authority::new(folder.path(), "own.pem");
    let other = Authority::new(folder.path(), "other.pem");
    let mut server = Postgres::start_own().await;
    let plain = server.fresh_database().await;
    let (address, _) = plain.split_once('?').unwrap();
    // The server is at 127.0.0.1, which the certificate does not name.
    let (certificate, key) = own.certify("db.example");
    assert!(
        open(&format!("{address}?sslmode=require")).await.is_err(),
        "no TLS yet"
    );
    open(&format!("{address}?sslmode=prefer"))
        .await
        .unwrap()
        .close()
        .await;
    server.accept_tls(&certificate, &key, &own.text()).await;
    let require = format!("{address}?sslmode=require");
    within(Duration::from_secs(10), "TLS", async || {
        open(&require).await.is_ok()
    })
    .await;

    let root = |authority: &Authority| format!("sslrootcert={}", authority.file.display());
    let (right, wrong) = (root(&own), root(&other));
    for (good, query) in [
        (true, String::from("sslmode=require")),
        (true, String::from("sslmode=prefer")),
        (true, format!("sslmode=require&{right}")),
        (false, format!("sslmode=require&{wrong}")),
        (true, format!("sslmode=verify-ca&{right}")),
        (false, format!("sslmode=verify-ca&{wrong}")),
        // Nobody whom the world knows has issued it.
        (false, String::from("sslmode=verify-ca")),
        (false, String::from("sslmode=verify-full")),
        (false, format!("sslmode=verify-full&{right}")),
        (false, String::from("sslmode=nonsense")),
        (
            false,
            String::from("sslmode=verify-ca&sslrootcert=/nothing/here"),
        ),
    ] {
        let opened = open(&format!("{address}?{query}")).await;
        assert_eq!(opened.is_ok(), good, "{query}: {:?}", opened.err());
    }
    let (certificate, key) = own.certify("127.0.0.1");
    server.accept_tls(&certificate, &key, &own.text()).await;
    let full = format!("{address}?sslmode=verify-full&{right}");
    within(Duration::from_secs(10), "its name", async || {
        open(&full).await.is_ok()
    })
    .await;
    let (certificate, key) = own.certify("authserver.example");
    let [certificate_file, key_file] =
        ["client.crt", "client.key"].map(|name| folder.path().join(name));
    std::fs::write(&certificate_file, certificate).unwrap();
    std::fs::write(&key_file, key).unwrap();
    let shown = format!(
        "sslcert={}&sslkey={}",
        certificate_file.display(),
        key_file.display()
    );
    let store = open(&format!("{full}&{shown}")).await.unwrap();
    store.ping().await.unwrap();
    let sessions = "SELECT count(*) FILTER (WHERE NOT s.ssl), count(s.client_serial) \
         FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE a.application_name = 'authserver'";
    let client = testing::connect(&plain).await;
    let row = client.query_one(sessions, &[]).await.unwrap();
    let (unencrypted, certified): (i64, i64) = (row.get(0), row.get(1));
    assert_eq!(unencrypted, 0);
    assert!(certified > 0);
    store.close().await;
}
