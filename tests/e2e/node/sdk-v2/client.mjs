import { Client, StreamableHTTPClientTransport, UnauthorizedError } from "@modelcontextprotocol/client";
import { run } from "../mcp_flow.mjs";

await run({ Client, StreamableHTTPClientTransport, UnauthorizedError, clientName: "MCP SDK v2" });
