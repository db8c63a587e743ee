/** A protected MCP server: two tools, each behind a scope of its own. */

import { createMcpExpressApp } from "@modelcontextprotocol/sdk/server/express.js";
import { InvalidTokenError } from "@modelcontextprotocol/sdk/server/auth/errors.js";
import { requireBearerAuth } from "@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js";
import { getOAuthProtectedResourceMetadataUrl, mcpAuthMetadataRouter } from "@modelcontextprotocol/sdk/server/auth/router.js";
import type { AuthInfo } from "@modelcontextprotocol/sdk/server/auth/types.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { createRemoteJWKSet, errors, jwtVerify } from "jose";
import { z } from "zod";

const ISSUER = process.env.AUTHPLANE_ISSUER ?? "http://localhost:9000";
const RESOURCE = new URL(process.env.MCP_RESOURCE ?? "http://localhost:8080/mcp");
const SCOPES = (process.env.MCP_SCOPES ?? "tools/read tools/write").split(" ");
const HOST = process.env.HOST ?? "127.0.0.1";
const PORT = Number(process.env.PORT || RESOURCE.port || 8080);

/** Ends with one line, and an exit code that says so. */
function fail(reason: string): never {
  console.error(reason);
  process.exit(1);
}

const discovery = await fetch(`${ISSUER}/.well-known/oauth-authorization-server`).catch(() =>
  fail(`${ISSUER} does not answer: is AuthPlane running?`),
);
if (!discovery.ok) fail(`${ISSUER} answers ${discovery.status} instead of its metadata`);
const metadata = await discovery.json();
const keys = createRemoteJWKSet(new URL(metadata.jwks_uri));

/** Accepts only RFC 9068 access tokens that AuthPlane signed for this resource. */
async function verifyAccessToken(token: string): Promise<AuthInfo> {
  try {
    const { payload } = await jwtVerify(token, keys, {
      issuer: ISSUER,
      audience: RESOURCE.href,
      typ: "at+jwt",
      algorithms: ["ES256", "RS256"],
      requiredClaims: ["sub", "client_id", "exp"],
    });
    return {
      token,
      clientId: String(payload.client_id),
      scopes: String(payload.scope ?? "").split(" "),
      expiresAt: payload.exp,
      resource: RESOURCE,
    };
  } catch (error) {
    // A key set that cannot be fetched is not the token's fault: that becomes a 500.
    const unreachable = ["ERR_JOSE_GENERIC", "ERR_JWKS_TIMEOUT", "ERR_JWKS_INVALID"];
    if (!(error instanceof errors.JOSEError) || unreachable.includes(error.code)) throw error;
    throw new InvalidTokenError(error.message);
  }
}

const notes = ["AuthPlane let you in."];

/** The server as one caller may see it: without the scope there is no tool. */
function serverFor(caller: AuthInfo): McpServer {
  const server = new McpServer({ name: "Notes", version: "1.0.0" }, { capabilities: { tools: {} } });
  if (caller.scopes.includes("tools/read")) {
    server.registerTool("read_notes", { description: "Read all notes." }, () => text(notes.join("\n")));
  }
  if (caller.scopes.includes("tools/write")) {
    server.registerTool("add_note", { description: "Add a note.", inputSchema: { text: z.string() } }, note =>
      text(`Saved note ${notes.push(note.text)}.`),
    );
  }
  return server;
}

const text = (text: string) => ({ content: [{ type: "text" as const, text }] });

const app = createMcpExpressApp({ host: HOST });
app.use(mcpAuthMetadataRouter({ oauthMetadata: metadata, resourceServerUrl: RESOURCE, scopesSupported: SCOPES }));
app.post(
  RESOURCE.pathname,
  requireBearerAuth({
    verifier: { verifyAccessToken },
    expectedResource: RESOURCE,
    resourceMetadataUrl: getOAuthProtectedResourceMetadataUrl(RESOURCE),
  }),
  async (request, response) => {
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
    await serverFor(request.auth!).connect(transport);
    await transport.handleRequest(request, response, request.body);
  },
);
app.all(RESOURCE.pathname, (_request, response) => {
  response.status(405).set("Allow", "POST").end();
});
app.listen(PORT, HOST, error => {
  if (error) fail(`Cannot listen on ${HOST}:${PORT}: ${error.message}`);
  console.log(`Listening on ${RESOURCE}`);
});
