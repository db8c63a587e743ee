import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { run } from "../mcp_flow.mjs";

await run({ Client, StreamableHTTPClientTransport, UnauthorizedError, clientName: "MCP SDK 1.10" });
