"""A tiny MCP client: signs in through the browser, then calls two protected tools."""

import argparse
import asyncio
import os
import sys
import webbrowser
from urllib.parse import parse_qs, urlsplit

import httpx
from mcp import ClientSession
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

SERVER = os.environ.get("MCP_RESOURCE", "http://localhost:8080/mcp")


class Memory:
    """Where the SDK keeps tokens and its registration: here, until the process ends."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


class Loopback:
    """Receives the authorization response on 127.0.0.1 (RFC 8252 section 7.3)."""

    def __init__(self) -> None:
        self.responses: asyncio.Queue[tuple[str, str | None]] = asyncio.Queue()

    async def __aenter__(self) -> "Loopback":
        self.server = await asyncio.start_server(self.receive, "127.0.0.1", 0)
        port = self.server.sockets[0].getsockname()[1]
        self.redirect_uri = f"http://127.0.0.1:{port}/callback"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()

    async def receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = (await reader.readline()).split()[1].decode()
        query = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
        answered = "code" in query or "error" in query
        body = "You can close this tab." if answered else "Not here."
        writer.write(
            f"HTTP/1.1 {'200 OK' if answered else '404 Not Found'}\r\nContent-Type: text/plain\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()
        )
        await writer.drain()
        writer.close()
        if answered:
            if "error" in query:
                print(f"Refused: {query['error']}: {query.get('error_description', '')}", flush=True)
            await self.responses.put((query.get("code", ""), query.get("state")))


async def main(open_browser: bool, pause: float) -> None:
    async def send_user_to(url: str) -> None:
        print(f"Sign in here:\n{url}", flush=True)
        if open_browser:
            webbrowser.open(url)

    async with Loopback() as loopback:
        oauth = OAuthClientProvider(
            server_url=SERVER,
            client_metadata=OAuthClientMetadata(
                client_name="AuthPlane example client",
                redirect_uris=[loopback.redirect_uri],
                token_endpoint_auth_method="none",
            ),
            storage=Memory(),
            redirect_handler=send_user_to,
            callback_handler=loopback.responses.get,
        )
        async with (
            httpx.AsyncClient(auth=oauth, timeout=httpx.Timeout(30, read=300)) as http,
            streamable_http_client(SERVER, http_client=http) as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = (await session.list_tools()).tools
            print("Tools:", ", ".join(sorted(tool.name for tool in tools)), flush=True)
            for name, arguments in [("add_note", {"text": "Hello from Python."}), ("read_notes", {})]:
                result = await session.call_tool(name, arguments)
                outcome = "refused" if result.isError else "ok"
                print(f"{name}: {outcome}: {result.content[0].text}", flush=True)
                await asyncio.sleep(pause)


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--no-browser", action="store_true", help="only print the address to open")
parser.add_argument("--pause", type=float, default=0, metavar="SECONDS", help="wait after each call")
options = parser.parse_args()
try:
    asyncio.run(main(not options.no_browser, options.pause))
except KeyboardInterrupt:
    sys.exit(130)
except Exception as error:
    while isinstance(error, BaseExceptionGroup):  # the SDK's tasks fail together; the first one tells why
        error = error.exceptions[0]
    if isinstance(error, httpx.TransportError):
        sys.exit(f"{error.request.url} does not answer: is the server running? ({error})")
    sys.exit(f"{SERVER}: {error}")
