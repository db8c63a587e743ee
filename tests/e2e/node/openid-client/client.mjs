// A web application on openid-client: discovery, code with PKCE, refresh, introspection, revocation, and a token for
// itself. Its configuration is JSON in the first argument; it prints the address to open, reads the address that the
// user comes back to from standard input, and prints JSON.
import { createInterface } from "node:readline/promises";
import * as client from "openid-client";

const { issuer, clientId, clientSecret, method, redirectUri, resource, scope } = JSON.parse(process.argv[2]);
const authentication = { client_secret_basic: client.ClientSecretBasic, client_secret_post: client.ClientSecretPost };
const config = await client.discovery(
  new URL(issuer),
  clientId,
  { redirect_uris: [redirectUri] },
  authentication[method](clientSecret),
  { algorithm: "oauth2", execute: [client.allowInsecureRequests] },
);

const verifier = client.randomPKCECodeVerifier();
const state = client.randomState();
const parameters = { redirect_uri: redirectUri, scope, resource, state };
const challenge = await client.calculatePKCECodeChallenge(verifier);
const pkce = { code_challenge: challenge, code_challenge_method: "S256" };
console.log(`Sign in here:\n${client.buildAuthorizationUrl(config, { ...parameters, ...pkce })}`);

const lines = createInterface({ input: process.stdin });
const back = new URL(await lines.question(""));
lines.close();
const checks = { pkceCodeVerifier: verifier, expectedState: state };
const granted = await client.authorizationCodeGrant(config, back, checks, { resource });
const introspected = await client.tokenIntrospection(config, granted.access_token);
const refreshed = await client.refreshTokenGrant(config, granted.refresh_token, { resource });
await client.tokenRevocation(config, refreshed.refresh_token);
const ended = await client.tokenIntrospection(config, refreshed.access_token);
const reuse = await client.refreshTokenGrant(config, refreshed.refresh_token).then(
  () => "accepted",
  (error) => `${error.status} ${error.error}`,
);
const own = await client.clientCredentialsGrant(config, { scope, resource });
console.log(JSON.stringify({ granted, introspected, refreshed, ended, reuse, own }));
