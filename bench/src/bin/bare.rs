//! The measure of the token endpoint: the least that any token endpoint must do. Parses the
//! form, signs a JWT with ES256, replies. No client, no database, no metrics, no log.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Deserialize)]
struct TokenRequest {
    client_id: String,
    scope: String,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: [&'a str; 1],
    exp: u64,
    iat: u64,
    jti: &'a str,
    client_id: &'a str,
    scope: &'a str,
}

#[derive(Serialize)]
struct TokenResponse {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    scope: String,
}

struct Signer {
    key: EcdsaKeyPair,
    random: SystemRandom,
    header: String,
}

impl Signer {
    fn sign(&self, claims: &Claims<'_>) -> Option<String> {
        let mut token = self.header.clone();
        URL_SAFE_NO_PAD.encode_string(serde_json::to_vec(claims).ok()?, &mut token);
        let signature = self.key.sign(&self.random, token.as_bytes()).ok()?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Some(token)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a server of its own, without the product's clock"
)]
async fn token(
    State(signer): State<Arc<Signer>>,
    Form(request): Form<TokenRequest>,
) -> Json<TokenResponse> {
    let iat = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let claims = Claims {
        iss: "http://localhost:9000",
        sub: &request.client_id,
        aud: ["https://mcp.example.com/mcp"],
        exp: iat + 3600,
        iat,
        jti: "0198f0a0-0000-7000-8000-000000000000",
        client_id: &request.client_id,
        scope: &request.scope,
    };
    let access_token = signer.sign(&claims).unwrap_or_default();
    Json(TokenResponse {
        access_token,
        token_type: "Bearer",
        expires_in: 3600,
        scope: request.scope,
    })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:0".into());
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
    let header = format!(
        "{}.",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","typ":"at+jwt","kid":"bare"}"#)
    );
    let signer = Arc::new(Signer {
        key,
        random: SystemRandom::new(),
        header,
    });
    let app = Router::new()
        .route("/oauth/token", post(token))
        .route("/livez", get(|| async { "ok" }))
        .with_state(signer);
    let listener = tokio::net::TcpListener::bind(address).await?;
    Ok(axum::serve(
        axum::serve::ListenerExt::tap_io(listener, |stream| drop(stream.set_nodelay(true))),
        app,
    )
    .await?)
}
