/** A tiny MCP client: signs in through the browser, then calls two protected tools. */

import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

import { UnauthorizedError, type OAuthClientProvider } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { OAuthClientInformationMixed, OAuthTokens } from "@modelcontextprotocol/sdk/shared/auth.js";

const SERVER = new URL(process.env.MCP_RESOURCE ?? "http://localhost:8080/mcp");
const { values: options } = parseArgs({
  options: {
    "no-browser": { type: "boolean", default: false }, // only print the address to open
    pause: { type: "string", default: "0" }, // seconds to wait after each call
  },
});

/** Receives the authorization response on 127.0.0.1 (RFC 8252 section 7.3). */
const expectedState = randomUUID();
let receiveCode!: (code: string) => void;
let refuse!: (reason: Error) => void;
const code = new Promise<string>((resolve, reject) => ([receiveCode, refuse] = [resolve, reject]));
code.catch(() => {}); // refused before anyone waits for it
const loopback = createServer((request, response) => {
  const query = new URL(request.url!, "http://127.0.0.1").searchParams;
  if (query.get("state") !== expectedState) {
    response.writeHead(404).end("Not here.");
    return;
  }
  response.writeHead(200, { "Content-Type": "text/plain", Connection: "close" }).end("You can close this tab.");
  if (query.has("code")) receiveCode(query.get("code")!);
  else refuse(new Error(`Refused: ${query.get("error")}: ${query.get("error_description") ?? ""}`));
});
await new Promise<void>(resolve => loopback.listen(0, "127.0.0.1", resolve));
const redirectUrl = `http://127.0.0.1:${(loopback.address() as AddressInfo).port}/callback`;

/** Keeps tokens and the registration in memory, until the process ends. */
class Memory implements OAuthClientProvider {
  readonly redirectUrl = redirectUrl;
  readonly clientMetadata = {
    client_name: "AuthPlane example client",
    redirect_uris: [redirectUrl],
    token_endpoint_auth_method: "none",
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
  };
  #client?: OAuthClientInformationMixed;
  #tokens?: OAuthTokens;
  #verifier = "";

  state = () => expectedState;
  clientInformation = () => this.#client;
  saveClientInformation = (client: OAuthClientInformationMixed) => void (this.#client = client);
  tokens = () => this.#tokens;
  saveTokens = (tokens: OAuthTokens) => void (this.#tokens = tokens);
  codeVerifier = () => this.#verifier;
  saveCodeVerifier = (verifier: string) => void (this.#verifier = verifier);
  redirectToAuthorization(url: URL): void {
    console.log(`Sign in here:\n${url}`);
    if (options["no-browser"]) return;
    const opener = { darwin: "open", win32: "explorer" }[process.platform as string] ?? "xdg-open";
    spawn(opener, [url.href], { stdio: "ignore", detached: true }).on("error", () => {});
  }
}

/** Ends with one line: `fetch` says "fetch failed" of everything, and the reason in `cause`. */
process.on("uncaughtException", error => {
  const away = error instanceof TypeError && error.cause instanceof Error;
  const { code, message } = (away ? error.cause : error) as NodeJS.ErrnoException;
  console.error(away ? `${SERVER} does not answer: is the server running? (${code ?? message})` : message);
  process.exit(1);
});

const authProvider = new Memory();
const newClient = () => new Client({ name: "authplane-example", version: "1.0.0" });
const newTransport = () => new StreamableHTTPClientTransport(SERVER, { authProvider });

let client = newClient();
const transport = newTransport();
try {
  await client.connect(transport);
} catch (error) {
  if (!(error instanceof UnauthorizedError)) throw error;
  await transport.finishAuth(await code);
  client = newClient();
  await client.connect(newTransport());
}

const { tools } = await client.listTools();
console.log("Tools:", tools.map(tool => tool.name).sort().join(", "));
for (const [name, args] of [["add_note", { text: "Hello from TypeScript." }], ["read_notes", {}]] as const) {
  try {
    const result = await client.callTool({ name, arguments: args });
    const [first] = result.content as { text: string }[];
    console.log(`${name}: ${result.isError ? "refused" : "ok"}: ${first?.text}`);
  } catch (error) {
    console.log(`${name}: refused: ${(error as Error).message}`);
  }
  await sleep(Number(options.pause) * 1000);
}
await client.close();
loopback.close();
