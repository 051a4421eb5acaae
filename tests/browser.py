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
PERMITTED = ("local-network-access",)
"""Before a page may call this machine, the browser asks a person; only pages of `localhost` or of https may ask."""
ORIGIN = "http://localhost"
WAIT_MS_MAX = 20_000


@contextmanager
def page(files: Mapping[str, str | Path], at: str = "/") -> Iterator[Page]:
    """A page of ORIGIN, which this browser alone finds there.

    `files` are its texts (of HTML) or files by their paths; `at` is what is opened, with what may follow its path.
    An error of a script that nobody caught raises AssertionError at the end.
    """
    errors: list[str] = []

    def serve(route: Route) -> None:
        content = files.get(route.request.url.removeprefix(ORIGIN))
        if content is None:
            route.fulfill(status=404)
        elif isinstance(content, Path):
            route.fulfill(path=content)
        else:
            route.fulfill(body=content, content_type="text/html; charset=utf-8")

    with sync_playwright() as playwright:
        # As root it runs without its sandbox only, and the pages are ours.
        browser = playwright.chromium.launch(executable_path=program(CHROMIUM), args=QUIET, chromium_sandbox=False)
        try:
            opened = browser.new_page(permissions=PERMITTED)
            opened.set_default_timeout(WAIT_MS_MAX)
            opened.on("pageerror", lambda error: errors.append(str(error)))
            opened.route(f"{ORIGIN}/**", serve)
            opened.goto(ORIGIN + at)
            yield opened
        finally:
            browser.close()
    assert not errors, errors
