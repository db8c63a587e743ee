// node-oidc-provider, set up to do what the benchmarks ask of the server beside it: machine
// tokens as JWTs for one resource, signed with ES256. Its adapter is the one it comes with,
// which keeps everything in memory.

import { generateKeyPairSync } from 'node:crypto';
import { Provider } from 'oidc-provider';

const [port, client_id, client_secret, resource, scope] = process.argv.slice(2);
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id,
      client_secret,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: 'ES256',
      token_endpoint_auth_method: 'client_secret_post',
      scope,
    },
  ],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      getResourceServerInfo: () => ({
        scope,
        accessTokenFormat: 'jwt',
        accessTokenTTL: 3600,
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
  jwks: {
    keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig', kid: 'bench' }],
  },
  scopes: [scope],
  ttl: { ClientCredentials: 3600 },
});

provider.listen(Number(port), '127.0.0.1');
