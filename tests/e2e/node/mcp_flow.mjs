// One flow for every generation of the MCP SDK: connect, sign in when asked to, call both tools, and do so again
// after a while. `run` gets the classes of one generation; it prints the address to open, and what the tools say.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

export async function run({ Client, StreamableHTTPClientTransport, UnauthorizedError, clientName, provider = {} }) {
  const resource = new URL(process.env.MCP_RESOURCE);
  const pause = Number(process.env.PAUSE ?? 0) * 1000;

  const expected = randomUUID();
  const received = Promise.withResolvers?.() ?? deferred();
  const loopback = createServer((request, response) => {
    const url = new URL(request.url, "http://127.0.0.1");
    if (url.pathname !== "/callback") return void response.writeHead(404).end();
    response.writeHead(200, { connection: "close" }).end("You can close this tab.");
    received.resolve(url.searchParams);
  });
  await new Promise((resolve) => loopback.listen(0, "127.0.0.1", resolve));
  const redirectUrl = `http://127.0.0.1:${loopback.address().port}/callback`;

  const kept = {};
  const authProvider = {
    redirectUrl,
    clientMetadata: {
      client_name: clientName,
      redirect_uris: [redirectUrl],
      token_endpoint_auth_method: "none",
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
    },
    state: () => expected,
    clientInformation: () => kept.client,
    saveClientInformation: (client) => void (kept.client = client),
    tokens: () => kept.tokens,
    saveTokens: (tokens) => void (kept.tokens = tokens),
    codeVerifier: () => kept.verifier,
    saveCodeVerifier: (verifier) => void (kept.verifier = verifier),
    redirectToAuthorization: (url) => console.log(`Sign in here:\n${url}`),
    ...provider,
  };
  const transport = () => new StreamableHTTPClientTransport(resource, { authProvider });
  const newClient = () => new Client({ name: clientName, version: "1.0.0" });

  let client = newClient();
  const first = transport();
  try {
    await client.connect(first);
    throw new Error("the server let the client in without a token");
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
  }
  const answer = await received.promise;
  if (answer.has("error")) throw new Error(`Refused: ${answer.get("error")}`);
  await first.finishAuth(answer.get("code"), ...(answer.has("iss") ? [answer.get("iss")] : []));
  client = newClient();
  await client.connect(transport());

  const { tools } = await client.listTools();
  console.log("Tools:", tools.map((tool) => tool.name).sort().join(", "));
  for (const [name, args] of [["add_note", { text: `Hello from ${clientName}.` }], ["read_notes", {}]]) {
    const result = await client.callTool({ name, arguments: args });
    console.log(`${name}: ${result.isError ? "refused" : "ok"}: ${result.content[0].text}`);
    await sleep(pause);
  }
  await client.close();
  loopback.close();
}

function deferred() {
  const made = {};
  made.promise = new Promise((resolve) => (made.resolve = resolve));
  return made;
}
