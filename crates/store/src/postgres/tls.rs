//! TLS to the server: how `sslmode` and `sslrootcert` of the DSN are met.

use crate::{Result, StoreError};
use std::path::Path;
use std::sync::Arc;
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

/// What is looked at of the server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verify {
    /// Nothing: whoever answers is taken for the server.
    Nothing,
    /// Who issued it.
    Issuer,
    /// Who issued it, and that it is for the name of the host.
    IssuerAndName,
}

/// Files named by the DSN.
#[derive(Debug, Default)]
pub(super) struct Files<'d> {
    pub roots: Option<&'d Path>,
    pub certificate: Option<&'d Path>,
    pub key: Option<&'d Path>,
}

/// What makes connections encrypted.
pub(super) fn connector(verify: Verify, files: &Files<'_>) -> Result<MakeRustlsConnect> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Arc::new(Verifier {
        verify,
        chain: chain(verify, files.roots, &provider)?,
        provider: Arc::clone(&provider),
    });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(refused)?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let config = match (files.certificate, files.key) {
        (Some(certificate), Some(key)) => {
            let unreadable = |file: &Path| {
                let file = file.display().to_string();
                move |error| StoreError::Open(format!("{file}: {error}"))
            };
            let certificates = CertificateDer::pem_file_iter(certificate)
                .and_then(Iterator::collect)
                .map_err(unreadable(certificate))?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(unreadable(key))?;
            config
                .with_client_auth_cert(certificates, key)
                .map_err(refused)?
        }
        _ => config.with_no_client_auth(),
    };
    Ok(MakeRustlsConnect::new(config))
}

fn refused(error: Error) -> StoreError {
    StoreError::Open(format!("storage.postgres.dsn: {error}"))
}

fn chain(
    verify: Verify,
    file: Option<&Path>,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<WebPkiServerVerifier>>> {
    if verify == Verify::Nothing {
        return Ok(None);
    }
    let mut roots = RootCertStore::empty();
    match file {
        Some(file) => {
            let read = CertificateDer::pem_file_iter(file)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>);
            let unreadable = |error| StoreError::Open(format!("{}: {error}", file.display()));
            roots.add_parsable_certificates(read.map_err(unreadable)?);
        }
        None => {
            roots.add_parsable_certificates(
                webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned(),
            );
        }
    }
    let built =
        WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(provider)).build();
    let unusable = |error| StoreError::Open(format!("storage.postgres.dsn: sslrootcert: {error}"));
    built.map(Some).map_err(unusable)
}

#[derive(Debug)]
struct Verifier {
    verify: Verify,
    chain: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else {
            return Ok(ServerCertVerified::assertion());
        };
        let verified =
            chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            // The name is looked at when the chain has been found good.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.verify == Verify::Issuer => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
