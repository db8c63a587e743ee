//! The style sheet and the script. Their names contain a digest of what they hold, so that a
//! browser may keep them for good.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use domain::Digest;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use std::sync::LazyLock;

/// A file of the console.
struct Asset {
    name: String,
    media_type: &'static str,
    text: &'static str,
}

impl Asset {
    fn new(stem: &str, ending: &str, media_type: &'static str, text: &'static str) -> Self {
        let digest = Digest::of(text.as_bytes()).to_hex();
        Self {
            name: format!("{stem}-{}.{ending}", &digest[..16]),
            media_type,
            text,
        }
    }
}

static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    let text = include_str!("../../assets/console.css");
    Asset::new("console", "css", "text/css; charset=utf-8", text)
});
static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    let text = include_str!("../../assets/console.js");
    Asset::new("console", "js", "text/javascript; charset=utf-8", text)
});

/// Name of the style sheet.
pub(super) fn style() -> &'static str {
    &STYLE.name
}

/// Name of the script.
pub(super) fn script() -> &'static str {
    &SCRIPT.name
}

/// `GET /admin/ui/assets/{file}`
pub(super) async fn serve(Path(file): Path<String>) -> Response {
    let assets = [&*STYLE, &*SCRIPT];
    let Some(asset) = assets.into_iter().find(|own| own.name == file) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (CONTENT_TYPE, asset.media_type),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, asset.text).into_response()
}
