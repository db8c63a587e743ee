#!/usr/bin/env python3
"""Checks the Markdown of this repository: relative links and anchors resolve, headings and code
fences are well-formed, prose has no bare URL.

    tests/docs/links.py            # everything that git knows of
    tests/docs/links.py docs/x.md  # these files
"""

import html
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^\s*(```+|~~~+)(.*)$")
HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*$")
CODE = re.compile(r"(`+)(.+?)\1")
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^)>\s]+)>?(?:\s+\"[^\"]*\")?\s*\)")
ATTRIBUTE = re.compile(r"\b(?:href|src|srcset)=\"([^\"]+)\"")
BARE_URL = re.compile(r"https?://[^\s)>\"]+")


def files() -> list[Path]:
    if sys.argv[1:]:
        return [Path(name).resolve() for name in sys.argv[1:]]
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "*.md"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.split("\0")
    return sorted(path for name in names if name and (path := ROOT / name).is_file())


class Page:
    """A Markdown file, without its code blocks and comments."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[tuple[int, str]] = []
        self.lines: list[tuple[int, str]] = []
        # How a generated page words things is its generator's business.
        self.generated = False
        self.headings: list[tuple[int, int, str]] = []
        self.read(path.read_text(encoding="utf-8"))
        self.anchors = self.slugs()

    def read(self, text: str) -> None:
        self.generated = text.startswith("<!-- Generated")
        text = re.sub(r"<!--.*?-->", lambda found: "\n" * found[0].count("\n"), text, flags=re.S)
        fence, opened = None, 0
        for number, line in enumerate(text.splitlines(), 1):
            if found := FENCE.match(line):
                if fence is None:
                    fence, opened = found[1], number
                elif found[1].startswith(fence) and not found[2].strip():
                    fence = None
                continue
            if fence is not None:
                continue
            if found := HEADING.match(line):
                self.headings.append((number, len(found[1]), found[2]))
            self.lines.append((number, line))
        if fence is not None:
            self.problems.append((opened, "the code block is never closed"))
        if text and not text.endswith("\n"):
            self.problems.append((text.count("\n") + 1, "the file does not end with a newline"))

    def slugs(self) -> set[str]:
        """The anchors that GitHub gives to headings."""
        seen: dict[str, int] = {}
        anchors = set()
        for _, _, title in self.headings:
            title = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", title)
            slug = re.sub(r"[^\w\- ]", "", html.unescape(title.replace("`", "")).lower()).replace(" ", "-")
            count = seen.get(slug, 0)
            seen[slug] = count + 1
            anchors.add(f"{slug}-{count}" if count else slug)
        for _, line in self.lines:
            anchors.update(re.findall(r"\b(?:id|name)=\"([^\"]+)\"", line))
        return anchors

    def check_headings(self) -> None:
        tops = [number for number, level, _ in self.headings if level == 1]
        if len(tops) != 1:
            self.problems.append((tops[1] if tops else 1, f"{len(tops)} headings of the first level; write one"))
        before = 0
        for number, level, _ in self.headings:
            if before and level > before + 1:
                self.problems.append((number, f"the heading skips from level {before} to {level}"))
            before = level

    def check_links(self, pages: dict[Path, "Page"]) -> int:
        count = 0
        for number, line in self.lines:
            prose = CODE.sub("", line)
            # Link texts may be code, so the targets are looked for in the line as it is,
            # with code outside of links blanked.
            for target in LINK.findall(CODE.sub("x", line)) + ATTRIBUTE.findall(prose):
                count += 1
                self.check_target(number, target, pages)
            rest = re.sub(r"<https?://[^>]+>", "", ATTRIBUTE.sub("", LINK.sub("", CODE.sub("x", line))))
            rest = re.sub(r"^\[[^\]]+\]:\s+\S+", "", rest)
            for url in [] if self.generated else BARE_URL.findall(rest):
                self.problems.append((number, f"bare URL {url}; make it a link or code"))
            if line.rstrip() != line:
                self.problems.append((number, "blanks at the end of the line"))
        return count

    def check_target(self, number: int, target: str, pages: dict[Path, "Page"]) -> None:
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            return
        name, _, anchor = target.partition("#")
        path = self.path
        if name:
            path = (ROOT / name.lstrip("/") if name.startswith("/") else self.path.parent / unquote(name)).resolve()
            if not path.exists() or not path.is_relative_to(ROOT):
                self.problems.append((number, f"{target}: there is no such file"))
                return
        if anchor and path.suffix == ".md":
            page = pages.get(path) or pages.setdefault(path, Page(path))
            if unquote(anchor) not in page.anchors:
                self.problems.append((number, f"{target}: there is no such heading"))


def main() -> int:
    pages = {path: Page(path) for path in files()}
    checked = list(pages.values())
    links = 0
    for page in checked:
        page.check_headings()
        links += page.check_links(pages)
    problems = [
        f"{page.path.relative_to(ROOT)}:{number}: {problem}"
        for page in checked
        for number, problem in sorted(page.problems)
    ]
    print("\n".join(problems), file=sys.stderr, end="\n" if problems else "")
    print(f"{len(checked)} pages, {links} links, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
