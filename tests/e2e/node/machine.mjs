// A machine client on oauth4webapi: gets a token for itself, with a proof of possession where asked,
// and introspects it. Its configuration is JSON in the first argument; it prints JSON.
import * as oauth from "oauth4webapi";

const { issuer, clientId, clientSecret, method, resources, scope, dpop, inspector } = JSON.parse(process.argv[2]);
const insecure = { [oauth.allowInsecureRequests]: true };
const authentication = { client_secret_basic: oauth.ClientSecretBasic, client_secret_post: oauth.ClientSecretPost };

const url = new URL(issuer);
const discovered = await oauth.discoveryRequest(url, { algorithm: "oauth2", ...insecure });
const server = await oauth.processDiscoveryResponse(url, discovered);
const client = { client_id: clientId };
const secret = authentication[method](clientSecret);
const proof = dpop ? oauth.DPoP(client, await oauth.generateKeyPair(dpop)) : undefined;

let requests = 0;
async function token() {
  requests += 1;
  const parameters = [...resources.map((resource) => ["resource", resource]), ...(scope ? [["scope", scope]] : [])];
  const answer = await oauth.clientCredentialsGrantRequest(server, client, secret, parameters, {
    DPoP: proof,
    ...insecure,
  });
  return oauth.processClientCredentialsResponse(server, client, answer);
}

async function introspect(accessToken) {
  const asking = { client_id: inspector.clientId };
  const authenticated = oauth.ClientSecretBasic(inspector.clientSecret);
  const answer = await oauth.introspectionRequest(server, asking, authenticated, accessToken, insecure);
  return oauth.processIntrospectionResponse(server, asking, answer);
}

try {
  const granted = await token().catch((error) => {
    if (!oauth.isDPoPNonceError(error)) throw error;
    return token();
  });
  const introspection = await introspect(granted.access_token);
  const jkt = await proof?.calculateThumbprint();
  console.log(JSON.stringify({ requests, jkt, token: granted, introspection }));
} catch (error) {
  if (!(error instanceof oauth.ResponseBodyError)) throw error;
  console.log(JSON.stringify({ requests, error: error.error, status: error.status }));
}
