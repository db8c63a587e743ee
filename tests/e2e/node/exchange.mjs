// A client on oauth4webapi that exchanges a token (RFC 8693), with a proof of possession where asked.
// Its configuration is JSON in the first argument; it prints JSON.
import * as oauth from "oauth4webapi";

const { issuer, clientId, clientSecret, parameters, dpop } = JSON.parse(process.argv[2]);
const insecure = { [oauth.allowInsecureRequests]: true };

const url = new URL(issuer);
const discovered = await oauth.discoveryRequest(url, { algorithm: "oauth2", ...insecure });
const server = await oauth.processDiscoveryResponse(url, discovered);
const client = { client_id: clientId };
const proof = dpop ? oauth.DPoP(client, await oauth.generateKeyPair(dpop)) : undefined;

let requests = 0;
async function exchange() {
  requests += 1;
  const answer = await oauth.genericTokenEndpointRequest(
    server,
    client,
    oauth.ClientSecretBasic(clientSecret),
    "urn:ietf:params:oauth:grant-type:token-exchange",
    parameters,
    { DPoP: proof, ...insecure },
  );
  return oauth.processGenericTokenEndpointResponse(server, client, answer);
}

try {
  const token = await exchange().catch((error) => {
    if (!oauth.isDPoPNonceError(error)) throw error;
    return exchange();
  });
  console.log(JSON.stringify({ requests, jkt: await proof?.calculateThumbprint(), token }));
} catch (error) {
  if (!(error instanceof oauth.ResponseBodyError)) throw error;
  console.log(JSON.stringify({ requests, error: error.error, status: error.status, cause: error.cause }));
}
