"""A protected MCP server: two tools, each behind a scope of its own."""

import asyncio
import os
import sys
from urllib.parse import urlsplit

from authplane import ASCredentials, IntrospectionRevocation
from authplane_fastmcp import authplane_auth
from fastmcp import FastMCP
from fastmcp.server.auth import require_scopes

ISSUER = os.environ.get("AUTHPLANE_ISSUER", "http://localhost:9000")
RESOURCE = os.environ.get("MCP_RESOURCE", "http://localhost:8080/mcp")
SCOPES = os.environ.get("MCP_SCOPES", "tools/read tools/write").split()

# With a confidential client of its own the server also asks AuthPlane whether a
# token has been revoked (RFC 7662). Without one it verifies signatures offline.
CLIENT_ID = os.environ.get("AUTHPLANE_CLIENT_ID")
CLIENT_SECRET = os.environ.get("AUTHPLANE_CLIENT_SECRET")

notes = ["AuthPlane let you in."]


async def main() -> None:
    url = urlsplit(RESOURCE)
    introspect = bool(CLIENT_ID and CLIENT_SECRET)
    auth = await authplane_auth(
        issuer=ISSUER,
        base_url=f"{url.scheme}://{url.netloc}",
        mcp_path=url.path,
        scopes=SCOPES,
        dev_mode=ISSUER.startswith("http://"),  # plain HTTP is for localhost only
        as_credentials=ASCredentials(CLIENT_ID, CLIENT_SECRET) if introspect else None,
        revocation_checker=IntrospectionRevocation() if introspect else None,
        fail_closed=introspect,
    )
    mcp = FastMCP("Notes", **auth)

    @mcp.tool(auth=require_scopes("tools/read"))
    def read_notes() -> str:
        """Read all notes."""
        return "\n".join(notes)

    @mcp.tool(auth=require_scopes("tools/write"))
    def add_note(text: str) -> str:
        """Add a note."""
        notes.append(text)
        return f"Saved note {len(notes)}."

    try:
        await mcp.run_async(
            transport="http",
            host=os.environ.get("HOST", "127.0.0.1"),
            port=int(os.environ.get("PORT", url.port or 8080)),
            path=url.path,
            show_banner=False,
        )
    finally:
        await auth.aclose()


try:
    asyncio.run(main())
except KeyboardInterrupt:
    pass
except Exception as error:
    sys.exit(f"The server could not start: is AuthPlane running at {ISSUER}? ({error})")
