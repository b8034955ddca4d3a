# SPDX-License-Identifier: BSD-3-Clause
"""Hooks of mkdocs: files of the tree that pages link to become part of the site, and what mkdocs lets pass is an error.

mkdocs warns of pages that are not there, which `strict` makes errors. These hooks refuse besides: pages without a place in the
navigation, links to headings that are not there, links out of the tree, and whatever a page would load from the network.
"""
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

DOCS = Path(__file__).resolve().parents[2] / "docs"
ROOT = DOCS.parent
LINK = re.compile(r"(\]\()(\.\./[^)#\s]+)((?:#[^)\s]*)?\))")
COPIED = "tree"  # the folder of the site for files that lie outside docs/


class Page(HTMLParser):
    """The headings of a page, its links, and what it loads."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.loaded = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if found.get("id"):
            self.ids.add(found["id"])
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        if tag in ("script", "img", "iframe", "source") and found.get("src"):
            self.loaded.append(found["src"])
        if tag == "link" and found.get("rel") in ("stylesheet", "icon", "preload", "preconnect"):
            self.loaded.append(found["href"])


def outside(page, target):
    """The file of the tree, relative to its root, that a link names which leads out of docs/; else None."""
    path = Path(os.path.normpath(DOCS / Path(page).parent / unquote(target)))
    if path.is_relative_to(DOCS):
        return None
    if not path.is_relative_to(ROOT) or not path.is_file():
        raise PluginError(f"docs/{page}: the link to '{target}' names no file of the tree; link to a file, not to a folder")
    return path.relative_to(ROOT)


def on_files(files, config):
    """Adds the files outside docs/ that pages link to."""
    wanted = set()
    for page in files.documentation_pages():
        text = Path(page.abs_src_path).read_text(encoding="utf-8")
        wanted |= {outside(page.src_path, link[2]) for link in LINK.finditer(text)} - {None}
    for path in sorted(wanted):
        file = File(str(path), str(ROOT), config["site_dir"], config["use_directory_urls"])
        file.src_path = file.dest_path = file.url = f"{COPIED}/{path}.txt"
        file.abs_dest_path = os.path.join(config["site_dir"], file.dest_path)
        file.is_documentation_page = lambda: False  # a page of another place is shown as it is written
        file.is_media_file = lambda: True
        file.is_static_page = lambda: False
        files.append(file)
    return files


def on_page_markdown(markdown, page, **_):
    """Links out of docs/ lead to the copies."""
    def rewritten(link):
        path = outside(page.file.src_path, link[2])
        up = "../" * (len(Path(page.file.src_path).parts) - 1)
        return link[0] if path is None else f"]({up}{COPIED}/{path}.txt)"
    return LINK.sub(rewritten, markdown)


def on_nav(nav, files, **_):
    missing = {file.src_path for file in files.documentation_pages()} - {page.file.src_path for page in nav.pages}
    if missing:
        raise PluginError(f"not in the navigation of cmake/site/mkdocs.yml: {', '.join(sorted(missing))}")
    return nav


def on_post_build(config, **_):
    """Looks at the finished pages: where links lead, and what is loaded."""
    site = Path(config["site_dir"])
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html") if "api" not in path.relative_to(site).parts}
    wrong = []
    for path, page in pages.items():
        name = path.relative_to(site)
        wrong += [f"{name} loads {url} from the network" for url in page.loaded if urlsplit(url).netloc]
        for link in page.links:
            parts = urlsplit(link)
            target = Path(os.path.normpath(path.parent / unquote(parts.path))) if parts.path else path
            if parts.scheme or parts.netloc or name.name == "404.html":
                continue
            if not target.exists():
                wrong.append(f"{name}: {link} leads nowhere")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids:
                wrong.append(f"{name}: {link}: that page has no such heading")
    if wrong:
        raise PluginError("\n".join(sorted(set(wrong))))
