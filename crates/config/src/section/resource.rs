//! `resources`: resources to create at start.

use crate::schema::{Rule, choice, section};
use domain::{ResourceUri, resource_rules};

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
    allowed: resource_rules::SLUG.allowed,
    holds: |slug| (resource_rules::SLUG.holds)(slug),
};

const DISPLAY_NAME: Rule<Option<String>> = Rule {
    allowed: resource_rules::DISPLAY_NAME.allowed,
    holds: |name| {
        name.as_deref()
            .is_none_or(resource_rules::DISPLAY_NAME.holds)
    },
};

const URI: Rule<String> = Rule {
    allowed: "an absolute URI with a host, without fragment and credentials (RFC 8707 §2)",
    holds: |uri| ResourceUri::parse(uri).is_ok(),
};

const SCOPE: Rule<String> = Rule {
    allowed: resource_rules::CATALOG_SCOPE.allowed,
    holds: |scope| (resource_rules::CATALOG_SCOPE.holds)(scope),
};

const CLIENT_IDS: Rule<Vec<String>> = Rule {
    allowed: resource_rules::CLIENT_IDS.allowed,
    holds: |list| (resource_rules::CLIENT_IDS.holds)(list),
};

const RETURN_URLS: Rule<Vec<String>> = Rule {
    allowed: resource_rules::RETURN_URLS.allowed,
    holds: |urls| (resource_rules::RETURN_URLS.holds)(urls),
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
        display_name: Option<String>, DISPLAY_NAME;

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
        allowed_client_ids: Vec<String>, CLIENT_IDS;
    }
}

section! {
    /// The resource's own server.
    pub struct RuntimePolicy at "resources[].policy.runtime." {
        /// Clients that act as the resource itself: they may introspect its tokens.
        client_ids: Vec<String>, CLIENT_IDS;
    }
}

section! {
    /// Connecting to an upstream provider.
    pub struct ConnectPolicy at "resources[].policy.connect." {
        /// Where a user may be sent after connecting.
        allowed_return_urls: Vec<String>, RETURN_URLS;
    }
}
