"""Look for links within the built documentation that lead nowhere: `make docs` runs this.

usage: links.py FOLDER
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit


class Page(HTMLParser):
    """What a page links to, and where others can link to in it.

    Parameters
    ----------
    path : `pathlib.Path`
        File of the page.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.anchors = {"", "#"}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Take note of an element's links and name."""
        for name, value in attributes:
            if name == "id" or (tag, name) == ("a", "name"):
                self.anchors.add(value or "")
            elif name in ("href", "src") and value is not None:
                self.links.add(value)


def broken_links(site: Path) -> list[str]:
    """Find links to pages, parts of pages, pictures and scripts that are not there.

    Parameters
    ----------
    site : `pathlib.Path`
        Folder of HTML pages.

    Returns
    -------
    broken : `list` [`str`]
        "page: link" for each, in order. What lies outside the folder counts; other sites do not.
    """
    # What lies in _static are templates of the theme.
    paths = [path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts]
    pages = {path.resolve(): Page(path) for path in paths}
    broken = []
    for path, page in pages.items():
        for link in sorted(page.links):
            if urlsplit(link).scheme or link.startswith("//"):
                continue
            target, anchor = urldefrag(link)
            target = target.partition("?")[0]
            file = (path.parent / unquote(target)).resolve() if target else path
            inside = file.is_file() and file.is_relative_to(site.resolve())
            if not inside or (file in pages and unquote(anchor) not in pages[file].anchors):
                broken.append(f"{path.relative_to(site.resolve())}: {link}")
    return broken


if __name__ == "__main__":
    lost = broken_links(Path(sys.argv[1]))
    print("\n".join(lost), end="\n" if lost else "")
    sys.exit(bool(lost))
