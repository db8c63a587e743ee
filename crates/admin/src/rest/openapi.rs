//! The description of both listeners (OpenAPI 3.1), made from what stands at the handlers.

use axum::response::{IntoResponse, Response};
use domain::{BackendKind, ClientSource, ClientStatus, UserStatus};
use http::header::CONTENT_TYPE;
use oauth::ErrorBody;
use std::sync::LazyLock;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn, PathItem};
use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, Ref, RefOr, ResponseBuilder, Schema,
    SecurityRequirement, ServerBuilder, Type,
};
use utoipa::{OpenApi as _, ToSchema as _};

/// The schemes by which callers authenticate.
const ADMIN_KEY: &str = "admin_key";

#[derive(utoipa::OpenApi)]
#[openapi(
    paths(super::metrics::scrape),
    components(schemas(BackendKind, ErrorBody, ClientSource, ClientStatus, UserStatus)),
    tags(
        (name = "OAuth", description = "Public listener: what clients and resource servers call"),
        (name = "Discovery", description = "Public listener: documents by which clients find their way"),
        (name = "Health", description = "Public listener: probes"),
        (name = "Clients", description = "Admin listener"),
        (name = "Users", description = "Admin listener"),
        (name = "Resources", description = "Admin listener"),
        (name = "Fronting", description = "Admin listener"),
        (name = "Grants", description = "Admin listener"),
        (name = "Issuances", description = "Admin listener"),
        (name = "Tokens", description = "Admin listener"),
        (name = "Keys", description = "Admin listener"),
        (name = "Settings", description = "Admin listener"),
        (name = "Audit", description = "Admin listener"),
        (name = "System", description = "Admin listener"),
    )
)]
struct Base;

/// What every route of the admin API may also answer.
const ALWAYS: [(&str, &str); 4] = [
    ("400", "The request cannot be read"),
    ("401", "The admin key is missing or wrong"),
    ("429", "Too many streams, or requests, at a time"),
    ("503", "The database does not answer, or took too long"),
];

/// The description of both listeners.
#[must_use]
pub fn document() -> OpenApi {
    let mut document = Base::openapi();
    let (_, mut api) = super::api().split_for_parts();
    for (path, item) in &mut api.paths.paths {
        for operation in operations(item) {
            complete(path, operation);
        }
    }
    document.merge(api);
    let public = ServerBuilder::new()
        .url("http://localhost:9000")
        .description(Some("The public listener"))
        .build();
    let mut open = web::routes::document();
    for item in open.paths.paths.values_mut() {
        item.servers = Some(vec![public.clone()]);
    }
    document.merge(open);
    let items = document.paths.paths.values_mut();
    for operation in items.flat_map(operations) {
        for parameter in operation.parameters.iter_mut().flatten() {
            never_null(parameter);
        }
    }
    document.info = InfoBuilder::new()
        .title("AuthPlane")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "A self-hosted OAuth 2.1 authorization server for the Model Context Protocol.",
        ))
        .license(Some(
            LicenseBuilder::new()
                .name("Apache-2.0")
                .identifier(Some("Apache-2.0"))
                .build(),
        ))
        .build();
    let admin = ServerBuilder::new()
        .url("http://localhost:9001")
        .description(Some("The admin listener"));
    document.servers = Some(vec![admin.build()]);
    let components = document.components.get_or_insert_default();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
    let bearer = bearer.description(Some("`admin.api_key`"));
    components.add_security_scheme(ADMIN_KEY, SecurityScheme::Http(bearer.build()));
    let basic = HttpBuilder::new().scheme(HttpAuthScheme::Basic);
    let basic = basic.description(Some("`client_id` and `client_secret` (RFC 6749 §2.3.1)"));
    components.add_security_scheme(
        web::routes::CLIENT_SECRET,
        SecurityScheme::Http(basic.build()),
    );
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let methods = [
        &mut item.get,
        &mut item.post,
        &mut item.patch,
        &mut item.delete,
    ];
    methods.into_iter().flatten()
}

/// A parameter that is optional may be absent; there is no way to write null.
fn never_null(parameter: &mut RefOr<Parameter>) {
    if let RefOr::T(parameter) = parameter
        && let Some(RefOr::T(Schema::Object(schema))) = &mut parameter.schema
        && let SchemaType::Array(types) = &schema.schema_type
        && let Some(own) = types.iter().find(|own| **own != Type::Null)
    {
        schema.schema_type = SchemaType::Type(own.clone());
    }
}

/// Adds what routes of the admin API have in common.
fn complete(path: &str, operation: &mut Operation) {
    operation.security = Some(vec![SecurityRequirement::new(
        ADMIN_KEY,
        Vec::<String>::new(),
    )]);
    let parameters = operation.parameters.iter().flatten();
    let is_versioned = parameters
        .filter_map(|own| match own {
            RefOr::T(own) => Some(own),
            RefOr::Ref(_) => None,
        })
        .any(|own| own.name == "If-Match" && own.parameter_in == ParameterIn::Header);
    let mut more = ALWAYS.to_vec();
    if path.contains('{') || path == "/admin/tokens" || path == "/admin/issuances" {
        more.push(("404", "There is no such thing"));
    }
    if is_versioned {
        more.push(("412", "It has changed since; nothing was done"));
    }
    if operation.request_body.is_some() {
        more.push(("413", "The body is too large"));
    }
    more.push((
        "422",
        "What was sent is not of the right shape, or not allowed",
    ));
    for (status, description) in more {
        let problem = ContentBuilder::new()
            .schema(Some(RefOr::Ref(Ref::from_schema_name(ErrorBody::name()))));
        let response = ResponseBuilder::new()
            .description(description)
            .content("application/problem+json", problem.build());
        let responses = &mut operation.responses.responses;
        responses
            .entry(status.to_owned())
            .or_insert_with(|| response.build().into());
    }
}

static JSON: LazyLock<String> = LazyLock::new(|| document().to_json().unwrap_or_default());

/// `GET /admin/openapi.json`
pub(crate) async fn serve() -> Response {
    let json = [(CONTENT_TYPE, "application/json")];
    (json, JSON.as_str()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_reference_is_the_generated_one() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/openapi.json");
        let own = document().to_pretty_json().expect("JSON") + "\n";
        if std::env::var_os("UPDATE_REFERENCE").is_some() {
            std::fs::write(&path, &own).expect("the file can be written");
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == own,
            "docs/reference/openapi.json is out of date; run these tests with UPDATE_REFERENCE=1"
        );
    }

    #[test]
    fn every_operation_says_what_it_is_and_whether_it_wants_the_key() {
        let mut document = document();
        for (path, item) in &mut document.paths.paths {
            for operation in operations(item) {
                assert!(operation.summary.is_some(), "{path}");
                assert!(operation.operation_id.is_some(), "{path}");
                let wants_key = path.starts_with("/admin/");
                let key = operation.security.as_ref().is_some_and(|all| {
                    serde_json::to_string(all).is_ok_and(|all| all.contains(ADMIN_KEY))
                });
                assert_eq!(key, wants_key, "{path}");
            }
        }
    }
}
