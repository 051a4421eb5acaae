"""A browser for the tests: Debian's headless Chromium, driven by Playwright, which brings none of its own."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, Route, sync_playwright

from tests.tools import program

CHROMIUM = "chromium-headless-shell"
"""Who opens a page is marked `@needs(CHROMIUM)`."""
QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")
"""It calls nobody but whom the page calls."""
WAIT_MS_MAX = 20_000


@contextmanager
def page(address: str, files: Mapping[str, str | Path]) -> Iterator[Page]:
    """A page at an address that is there for the browser alone: `files` are its texts, or files, by their paths.

    An error that no script of it has caught raises AssertionError at the end.
    """
    errors: list[str] = []

    def serve(route: Route) -> None:
        content = files[route.request.url.removeprefix(address)]
        if isinstance(content, Path):
            route.fulfill(path=content)
        else:
            route.fulfill(body=content, content_type="text/html; charset=utf-8")

    with sync_playwright() as playwright:
        # Debian's own; as root it runs without its sandbox, and the pages are ours.
        browser = playwright.chromium.launch(executable_path=program(CHROMIUM), args=QUIET, chromium_sandbox=False)
        try:
            opened = browser.new_page()
            opened.set_default_timeout(WAIT_MS_MAX)
            opened.on("pageerror", lambda error: errors.append(str(error)))
            opened.route(f"{address}/**", serve)
            opened.goto(f"{address}/")
            yield opened
        finally:
            browser.close()
    assert not errors, errors
