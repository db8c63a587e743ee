// A client on oauth4webapi that authenticates with its own key (private_key_jwt). Its configuration is JSON in the
// first argument, and it prints JSON: `generate` makes a key pair, `machine` gets a token for the client itself, and
// `code` redeems an authorization response and refreshes. Both introspect what they got, and revoke it.
import * as oauth from "oauth4webapi";

const { act, issuer, clientId, alg, key, kid, response, state, verifier, redirectUri, resource } = JSON.parse(
  process.argv[2],
);
const insecure = { [oauth.allowInsecureRequests]: true };
const algorithms = {
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  PS256: { name: "RSA-PSS", hash: "SHA-256" },
  ES256: { name: "ECDSA", namedCurve: "P-256" },
  ES384: { name: "ECDSA", namedCurve: "P-384" },
  Ed25519: { name: "Ed25519" },
};

if (act === "generate") {
  const pair = await oauth.generateKeyPair(alg, { extractable: true });
  const jwk = (half) => crypto.subtle.exportKey("jwk", half);
  console.log(JSON.stringify({ private: await jwk(pair.privateKey), public: await jwk(pair.publicKey) }));
  process.exit(0);
}

const privateKey = await crypto.subtle.importKey("jwk", key, algorithms[alg], false, ["sign"]);
const url = new URL(issuer);
const discovered = await oauth.discoveryRequest(url, { algorithm: "oauth2", ...insecure });
const server = await oauth.processDiscoveryResponse(url, discovered);
const client = { client_id: clientId };
const signed = oauth.PrivateKeyJwt({ key: privateKey, kid });

async function active(token) {
  const answer = await oauth.introspectionRequest(server, client, signed, token, insecure);
  return (await oauth.processIntrospectionResponse(server, client, answer)).active;
}

async function machine() {
  const answer = await oauth.clientCredentialsGrantRequest(server, client, signed, { resource }, insecure);
  return oauth.processClientCredentialsResponse(server, client, answer);
}

async function code() {
  const parameters = oauth.validateAuthResponse(server, client, new URLSearchParams(response), state);
  const redeemed = await oauth.authorizationCodeGrantRequest(
    server,
    client,
    signed,
    parameters,
    redirectUri,
    verifier,
    insecure,
  );
  const first = await oauth.processAuthorizationCodeResponse(server, client, redeemed);
  const refreshed = await oauth.refreshTokenGrantRequest(server, client, signed, first.refresh_token, insecure);
  return oauth.processRefreshTokenResponse(server, client, refreshed);
}

try {
  const tokens = await (act === "machine" ? machine() : code());
  const before = await active(tokens.access_token);
  const revoked = await oauth.revocationRequest(server, client, signed, tokens.access_token, insecure);
  await oauth.processRevocationResponse(revoked);
  console.log(JSON.stringify({ tokens, before, after: await active(tokens.access_token) }));
} catch (error) {
  // A refusal with a challenge in its header hides its body.
  const challenged = error instanceof oauth.WWWAuthenticateChallengeError;
  if (!challenged && !(error instanceof oauth.ResponseBodyError)) throw error;
  const { error: code } = challenged ? await error.response.json() : error;
  console.log(JSON.stringify({ error: code, status: error.status }));
}
