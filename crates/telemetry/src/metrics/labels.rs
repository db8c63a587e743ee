//! The label values of the catalog, except those that the domain already names
//! ([`domain::GrantType`], [`domain::AuditAction`]) and the [deny reasons](super::DenyReason).

use super::label::label;

label! {
    /// Why tokens were revoked.
    RevokeReason {
        /// A spent refresh token came back; its family was revoked.
        FamilyRevocation = "family_revocation",
        /// A spent authorization code came back; what it had led to was revoked.
        CodeReuse = "code_reuse",
        /// The client asked for it (RFC 7009).
        Explicit = "explicit",
        /// A client asked for it for a token that has no user.
        ExplicitMachine = "explicit_machine",
        /// The user took the consent back.
        Consent = "consent",
        /// An operator asked for it.
        Admin = "admin",
    }
}

label! {
    /// How a client came to be known.
    RegistrationSource {
        /// Dynamic client registration (RFC 7591).
        Dcr = "dcr",
        /// Created by an operator.
        Admin = "admin",
        /// A client ID metadata document.
        Cimd = "cimd",
    }
}

label! {
    /// What the user answered on the consent page.
    ConsentDecision {
        /// Allowed.
        Granted = "granted",
        /// Refused.
        Denied = "denied",
    }
}

label! {
    /// How a sign-in attempt ended.
    LoginOutcome {
        /// Signed in.
        Success = "success",
        /// Unknown user, wrong password, or a user who may not sign in.
        Failure = "failure",
        /// Refused unseen because of earlier failures.
        LockedOut = "locked_out",
        /// Refused unseen because too many others sign in, in all or from one address.
        Throttled = "throttled",
    }
}

label! {
    /// Whether whoever replayed an authorization code knew the PKCE verifier.
    VerifierCheck {
        /// The verifier was right: the replayer is the client, or has everything it had.
        Valid = "valid",
        /// The verifier was wrong or missing: somebody saw only the code.
        Invalid = "invalid",
    }
}

label! {
    /// What led to a revocation that then failed.
    RevocationPath {
        /// Reuse of a refresh token.
        Reuse = "reuse",
        /// Reuse of an authorization code.
        CodeReuse = "code_reuse",
    }
}

label! {
    /// Which half of a revocation failed.
    RevocationHalf {
        /// Revoking the refresh tokens of the family.
        Family = "family",
        /// Denying the access tokens already issued.
        Jti = "jti",
    }
}

label! {
    /// What an introspection answered.
    TokenActive {
        /// The token is good.
        True = "true",
        /// It is not, or the caller may not know.
        False = "false",
    }
}

impl From<bool> for TokenActive {
    fn from(active: bool) -> Self {
        if active { Self::True } else { Self::False }
    }
}

label! {
    /// Why a client ID metadata document was not fetched although it was not in the cache.
    SuppressReason {
        /// It failed a moment ago.
        NegativeCache = "negative_cache",
        /// Another request is fetching it already.
        InFlight = "in_flight",
        /// Too many fetches at once.
        Capacity = "capacity",
    }
}

label! {
    /// How the fetch of a client ID metadata document ended.
    FetchOutcome {
        /// A valid document.
        Success = "success",
        /// The address is not one the server may talk to.
        Blocked = "blocked",
        /// No answer in time.
        Timeout = "timeout",
        /// No connection, a bad status, or an answer that is too large.
        Unavailable = "unavailable",
        /// An answer that is not a valid document.
        Invalid = "invalid",
    }
}

label! {
    /// A kind of telemetry.
    Signal {
        /// Log lines.
        Logs = "logs",
        /// Spans.
        Traces = "traces",
        /// Metric exports.
        Metrics = "metrics",
    }
}

label! {
    /// Why a DPoP proof was refused (RFC 9449 §4.3).
    DpopRejection {
        /// Not a compact JWS with the claims of a proof.
        Malformed = "malformed",
        /// `typ` is not `dpop+jwt`.
        Typ = "typ",
        /// An algorithm that is not accepted.
        Alg = "alg",
        /// The embedded key is missing, private, weak or of the wrong kind.
        Jwk = "jwk",
        /// The signature does not verify.
        Signature = "signature",
        /// Made for another method.
        Htm = "htm",
        /// Made for another URL.
        Htu = "htu",
        /// Too old, or from the future.
        Iat = "iat",
        /// Used before.
        Replay = "replay",
        /// Without a nonce of this server, or with a stale one.
        Nonce = "nonce",
        /// More than one proof.
        Multiple = "multiple",
        /// By another key than the token is bound to, or missing where one is needed.
        Binding = "binding",
    }
}

label! {
    /// What kind of token exchange it was.
    ExchangeKind {
        /// A client exchanged its own token.
        SelfExchange = "self",
        /// A client exchanged another's token and now acts for its subject.
        Delegation = "delegation",
        /// A gateway obtained a token for what stands behind it.
        Fronted = "fronted",
    }
}

label! {
    /// What was done to a registered resource.
    ResourceOp {
        /// Registered.
        Create = "create",
        /// Changed.
        Update = "update",
        /// Deleted.
        Delete = "delete",
    }
}

label! {
    /// What was done to a list of a resource's policy.
    AllowlistOp {
        /// A member was added.
        Add = "add",
        /// A member was removed.
        Remove = "remove",
    }
}

label! {
    /// Which database.
    StoreKind {
        /// SQLite.
        Sqlite = "sqlite",
        /// PostgreSQL.
        Postgres = "postgres",
    }
}

label! {
    /// What the database was asked to do.
    DbOp {
        /// Read one client.
        ClientRead = "client_read",
        /// Create or change a client.
        ClientWrite = "client_write",
        /// Read one user.
        UserRead = "user_read",
        /// Create or change a user.
        UserWrite = "user_write",
        /// Read one resource.
        ResourceRead = "resource_read",
        /// Create or change a resource.
        ResourceWrite = "resource_write",
        /// Read a browser session.
        SessionRead = "session_read",
        /// Create, renew or end a browser session.
        SessionWrite = "session_write",
        /// Read consent grants.
        ConsentRead = "consent_read",
        /// Record or remove a consent grant.
        ConsentWrite = "consent_write",
        /// Store an authorization code.
        CodeStore = "code_store",
        /// Spend an authorization code.
        CodeSpend = "code_spend",
        /// Rotate a refresh token.
        RefreshRotate = "refresh_rotate",
        /// Record a token that was exchanged for another.
        TokenExchange = "token_exchange",
        /// Revoke a token or a family.
        Revoke = "revoke",
        /// Read what introspection needs.
        TokenRead = "token_read",
        /// Make a group of ledger rows durable.
        LedgerCommit = "ledger_commit",
        /// Write an audit row outside the ledger.
        AuditWrite = "audit_write",
        /// Query the audit log.
        AuditRead = "audit_read",
        /// Read or write signing keys.
        Keys = "keys",
        /// List entities for the admin surface.
        List = "list",
        /// Remove expired rows.
        Purge = "purge",
        /// Apply migrations.
        Migrate = "migrate",
        /// Ask whether the database is there.
        Ping = "ping",
        /// Leave a sign of life, or read the last one.
        Heartbeat = "heartbeat",
    }
}

label! {
    /// What a connection of the pool is doing.
    ConnectionState {
        /// Working.
        InUse = "in_use",
        /// Open and free.
        Idle = "idle",
    }
}

label! {
    /// Where a connection came in.
    Listener {
        /// OAuth endpoints, discovery, pages, health.
        Public = "public",
        /// Admin API, console, metrics.
        Admin = "admin",
    }
}

label! {
    /// What is cached.
    Cached {
        /// Rows of clients.
        Clients = "clients",
        /// Rows of users.
        Users = "users",
        /// Answers to introspection requests.
        Introspections = "introspections",
        /// Metadata documents of clients.
        ClientMetadata = "client_metadata",
        /// Keys that clients publish.
        ClientKeys = "client_keys",
    }
}

label! {
    /// What clients bring about on purpose, to learn how to go on.
    ChallengeReason {
        /// No credentials, or an empty secret, of a client that has to authenticate.
        ClientAuthProbe = "client_auth_probe",
        /// A DPoP proof without a fresh nonce.
        UseDpopNonce = "use_dpop_nonce",
    }
}
