//! Proof of possession at the token endpoint (RFC 9449 §5): the key that tokens get bound to.

use crate::{Engine, Error, Result};
use domain::{UnixMillis, Word as _};
use oauth::ErrorCode;
use oauth::dpop::{DpopContext, DpopError, DpopProof};
use std::time::Duration;
use store::ProofUse;
use telemetry::metrics::{DenyReason, DpopRejection};
use telemetry::trace::Span;

/// How far ahead of ours a client's clock may be.
const LEEWAY: Duration = Duration::from_secs(30);

/// A key that the client has proven to hold. The proof still has to be used, once, in the
/// transaction of what it is for.
pub(super) struct Possession {
    /// Thumbprint of the key.
    pub jkt: String,
    /// What to remember of the proof.
    pub proof: ProofUse,
}

impl Engine {
    /// A fresh nonce for the client's next proof, unless DPoP is off.
    pub(super) fn dpop_nonce(&self) -> Option<String> {
        let now = self.now();
        self.config()
            .dpop
            .enabled
            .then(|| self.inner().parts.dpop_nonces.issue(now))
    }

    /// Checks the proof that came with a token request, if one did (RFC 9449 §4.3).
    pub(super) fn proven_possession<'h>(
        &self,
        headers: impl IntoIterator<Item = &'h [u8]>,
        now: UnixMillis,
    ) -> Result<Option<Possession>> {
        let settings = &self.config().dpop;
        if !settings.enabled {
            return Ok(None);
        }
        let context = DpopContext {
            method: "POST",
            htu: &self.inner().token_endpoint,
            now,
            lifetime: settings.proof_lifetime,
            leeway: LEEWAY,
            expected_ath: None,
        };
        let mut headers = headers.into_iter().peekable();
        if headers.peek().is_none() {
            return Ok(None);
        }
        let check = || {
            let Some(proof) = DpopProof::parse(headers)? else {
                return Ok(None);
            };
            proof.check(&context)?;
            let nonces = &self.inner().parts.dpop_nonces;
            nonces.check(&proof, settings.require_nonce, now, settings.nonce_ttl)?;
            Ok(Some(proof))
        };
        let proof = Span::start("dpop.verify")
            .run_sync(check)
            .map_err(|error| self.proof_rejected(error))?;
        Ok(proof.map(|proof| Possession {
            jkt: proof.jkt().to_owned(),
            proof: ProofUse {
                proof: proof.replay_key(),
                expires_at: proof.remember_until(&context),
            },
        }))
    }

    /// What is bound to a key is worth nothing without it (RFC 9449 §5, §10).
    pub(super) fn check_binding(
        &self,
        bound_to: Option<&str>,
        possession: Option<&Possession>,
    ) -> Result<()> {
        match bound_to {
            Some(jkt) if possession.is_none_or(|proven| proven.jkt != jkt) => {
                Err(self.proof_rejected(DpopError::Binding))
            }
            _ => Ok(()),
        }
    }

    /// Counts a refused proof, and says so to the client.
    pub(super) fn proof_rejected(&self, error: DpopError) -> Error {
        if let Some(reason) = DpopRejection::from_word(error.reason()) {
            self.metrics().dpop_proofs_rejected.add(reason);
        }
        let code = error.code();
        let reason = match code {
            ErrorCode::UseDpopNonce => DenyReason::UseDpopNonce,
            _ => DenyReason::InvalidDpopProof,
        };
        Error::new(code, reason, error.to_string()).with_cause(error.reason())
    }

    /// Counts a proof that was used for what it was made for.
    pub(super) fn proof_used(&self, possession: Option<&Possession>) {
        if possession.is_some() {
            self.metrics().dpop_proofs_validated.inc();
        }
    }
}
