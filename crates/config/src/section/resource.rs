//! `resources`: resources to create at start.

use crate::schema::{Rule, choice, section};
use crate::value::{is_plain, is_scope_token};
use domain::ResourceUri;

/// The variable that adds a resource, with the resource indicator as its value.
pub(crate) const RESOURCE_URI: &str = "AUTHPLANE_RESOURCE_URI";

/// The variable with the scope catalog of that resource.
pub(crate) const RESOURCE_SCOPES: &str = "AUTHPLANE_RESOURCE_SCOPES";

choice! {
    /// What stands behind a resource.
    pub enum BackendKind {
        /// This server signs a JWT for it.
        Mint = "mint",
    }
}

choice! {
    /// What the header of a resource's tokens says they are.
    pub enum TokenTyp {
        /// An access token (RFC 9068).
        AtJwt = "at+jwt",
        /// Any JWT.
        Jwt = "JWT",
    }
}

const SLUG: Rule<String> = Rule {
    allowed: "1 to 64 lower-case letters, digits and -, starting with a letter or digit",
    holds: |slug| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        slug.len() <= 64 && slug.starts_with(plain) && slug.chars().all(|c| plain(c) || c == '-')
    },
};

const URI: Rule<String> = Rule {
    allowed: "an absolute URI with a host, without fragment and credentials (RFC 8707 §2)",
    holds: |uri| ResourceUri::parse(uri).is_ok(),
};

const SCOPE: Rule<String> = Rule {
    allowed: "a scope name: printable ASCII without space, \" and \\ (RFC 6749 §3.3)",
    holds: |scope| is_scope_token(scope),
};

const RETURN_URLS: Rule<Vec<String>> = Rule {
    allowed: "absolute http or https URLs",
    holds: |urls| {
        urls.iter().all(|text| {
            is_plain(text)
                && url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
        })
    },
};

section! {
    /// Resources to create at start, each only where no resource with its slug exists yet: what is
    /// changed later through the admin API stays changed.
    pub struct ResourceSeed at "resources[]." {
        /// Short name, unique, by which operators refer to the resource.
        slug: String, SLUG;
        /// The resource indicator, unique: what clients send as `resource` and tokens carry as `aud`.
        /// Kept normalised (RFC 3986 §6.2): host in lower case, no default port.
        uri: String, URI;
        /// What stands behind the resource; `mint`: this server signs a JWT for it.
        backend_kind: BackendKind = "mint";
        /// `typ` in the header of the resource's tokens: `at+jwt`, or `JWT` for servers whose library
        /// refuses that and cannot be taught it.
        token_typ: TokenTyp = "at+jwt";
        /// Name shown to users; the slug when left out.
        display_name: Option<String>;

        sections {
            /// Who may do what with the resource.
            policy: Policy;
        }
        lists {
            /// The scope catalog: a scope outside it cannot be issued.
            scopes: ScopeSeed;
        }
    }
}

section! {
    /// The scope catalog of the resource: a scope outside it cannot be issued.
    pub struct ScopeSeed at "resources[].scopes[]." {
        /// The scope, as in tokens.
        name: String, SCOPE;
        /// What it allows, in the words the consent page shows.
        description: Option<String>;
        /// The provider's scope it stands for, where its name differs.
        upstream: Option<String>;
    }
}

section! {
    /// Who may do what with the resource.
    pub struct Policy at "resources[].policy." {
        sections {
            /// Token exchange.
            exchange: ExchangePolicy;
            /// The resource's own server.
            runtime: RuntimePolicy;
            /// Connecting to an upstream provider.
            connect: ConnectPolicy;
        }
    }
}

section! {
    /// Token exchange (RFC 8693).
    pub struct ExchangePolicy at "resources[].policy.exchange." {
        /// Clients that may exchange a token for one of this resource.
        allowed_client_ids: Vec<String>;
    }
}

section! {
    /// The resource's own server.
    pub struct RuntimePolicy at "resources[].policy.runtime." {
        /// Clients that act as the resource itself: they may introspect its tokens.
        client_ids: Vec<String>;
    }
}

section! {
    /// Connecting to an upstream provider.
    pub struct ConnectPolicy at "resources[].policy.connect." {
        /// Where a user may be sent after connecting.
        allowed_return_urls: Vec<String>, RETURN_URLS;
    }
}
