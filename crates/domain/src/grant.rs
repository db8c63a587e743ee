//! Grant types.

crate::words! {
    /// How a token was asked for: the `grant_type` of a token request (RFC 6749 §4, RFC 8693).
    GrantType {
        /// RFC 6749 §4.1
        AuthorizationCode = "authorization_code",
        /// RFC 6749 §6
        RefreshToken = "refresh_token",
        /// RFC 6749 §4.4
        ClientCredentials = "client_credentials",
        /// RFC 8693 §2.1
        TokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange",
    }
}
