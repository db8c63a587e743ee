//! The certificate of a TLS listener, replaceable while connections are open.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, ServerConfig};

use super::listener::TlsFiles;

/// Why certificate or key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is missing, unreadable, or not PEM of the right kind.
    #[error("cannot read {what} from {}: {source}", .path.display())]
    File {
        /// "a certificate chain" or "a private key".
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// Certificate and key were read but cannot serve.
    #[error("the certificate in {} cannot be used with the key in {}: {source}", .cert.display(), .key.display())]
    Unusable {
        /// File of the certificate.
        cert: PathBuf,
        /// File of the key.
        key: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
}

/// Certificate and key of a listener. Clones share them, so that a [`reload`](Self::reload)
/// through one clone is seen by the listener: new handshakes get the new certificate, open
/// connections go on.
#[derive(Clone)]
pub struct Certificate(Arc<Inner>);

struct Inner {
    files: TlsFiles,
    current: ArcSwap<CertifiedKey>,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Certificate").field(&self.0.files).finish()
    }
}

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// A file cannot be read, or the two do not belong together.
    pub fn load(files: &TlsFiles) -> Result<Self, TlsError> {
        let current = ArcSwap::from_pointee(read(files)?);
        Ok(Self(Arc::new(Inner {
            files: files.clone(),
            current,
        })))
    }

    /// Reads the files again and serves what they hold from the next handshake on.
    ///
    /// # Errors
    /// The files are not usable; the certificate in use stays.
    pub fn reload(&self) -> Result<(), TlsError> {
        let fresh = read(&self.0.files)?;
        self.0.current.store(Arc::new(fresh));
        Ok(())
    }

    /// The certificate chain in use, DER, leaf first.
    #[must_use]
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.0.current.load().cert.clone()
    }

    /// TLS 1.2 and 1.3 with HTTP/2 and HTTP/1.1 offered.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .expect("the provider supports the default protocol versions")
                .with_no_client_auth()
                .with_cert_resolver(Arc::new(self.clone()));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.current.load_full())
    }
}

fn read(files: &TlsFiles) -> Result<CertifiedKey, TlsError> {
    let unreadable = |what, path: &Path| {
        let path = path.to_owned();
        move |source| TlsError::File { what, path, source }
    };
    let no_chain = unreadable("a certificate chain", &files.cert_file);
    let chain = CertificateDer::pem_file_iter(&files.cert_file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .and_then(|chain| {
            if chain.is_empty() {
                Err(pem::Error::NoItemsFound)
            } else {
                Ok(chain)
            }
        })
        .map_err(no_chain)?;
    let key = PrivateKeyDer::from_pem_file(&files.key_file)
        .map_err(unreadable("a private key", &files.key_file))?;
    CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(|source| {
        TlsError::Unusable {
            cert: files.cert_file.clone(),
            key: files.key_file.clone(),
            source,
        }
    })
}
