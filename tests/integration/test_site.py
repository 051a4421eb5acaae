"""The documentation site as a reader has it: in a browser, by keyboard, on a phone, in the dark, without scripts."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from hydrobit.publish.samples import LANGUAGES
from hydrobit.publish.site.overview import FIRST_CALLS
from hydrobit.storage.queries import SQLITE
from tests import node
from tests.browser import CHROMIUM, QUIET, WAIT_MS_MAX
from tests.servers import RunningServer
from tests.tools import Measured, alone_on, needs, program

pytestmark = alone_on(SQLITE, "pages are made from the table, whatever store stands below")

PICTURES = Path(__file__).parents[2] / ".pictures"
"""Where the pictures of a run lie; no commit sees them."""
DESKTOP, PHONE = (1280, 900), (390, 844)
COUNTING = "/docs/createProductionRecord"
KINDS = ("/docs", COUNTING, "/docs/listWorkers", "/docs/errors", "/docs/pages", "/docs/pages/how-to/devices")
"""A page of every kind."""
REFUSED = re.compile(r"Failed to load resource: (the server responded with a status of [45]|net::ERR)")
"""What the browser itself writes where a call that was tried is refused, or loses its answer."""
PAINTED = """new Promise(tell => new PerformanceObserver(list => {
    for (const paint of list.getEntriesByName("first-contentful-paint")) tell(paint.startTime);
}).observe({type: "paint", buffered: true}))"""
Visit = Callable[..., AbstractContextManager[Page]]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    PICTURES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program(CHROMIUM), args=QUIET, chromium_sandbox=False)
        yield launched
        launched.close()


@pytest.fixture
def visit(browser: Browser, server: RunningServer) -> Visit:
    """Opens pages of the server. What is asked for has to be the server's, and no script or policy may complain."""

    @contextmanager
    def visited(
        at: str, size: tuple[int, int] = DESKTOP, scheme: str = "light", *, scripts: bool = True
    ) -> Iterator[Page]:
        context = browser.new_context(
            base_url=server.address,
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if scheme == "dark" else "light",
            java_script_enabled=scripts,
            permissions=["clipboard-read", "clipboard-write"],
        )
        asked, complaints = _listen(context)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS_MAX)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(at)
        yield page
        context.close()
        assert asked
        assert [url for url in asked if not url.startswith(f"{server.address}/")] == []
        assert complaints == []

    return visited


def _listen(context: BrowserContext) -> tuple[list[str], list[str]]:
    asked: list[str] = []
    complaints: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    context.on(
        "console",
        lambda said: complaints.append(said.text) if said.type == "error" and not REFUSED.match(said.text) else None,
    )
    return asked, complaints


# How it looks.


@needs(CHROMIUM)
@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop", "phone"])
def test_every_kind_of_page_is_for_everybody(
    visit: Visit, measured: Measured, size: tuple[int, int], scheme: str
) -> None:
    with visit("/docs", size, scheme) as page:
        for at in KINDS:
            page.goto(at)
            page.wait_for_load_state("networkidle")
            name = f"{at.removeprefix('/').replace('/', '-')}-{size[0]}-{scheme}.png"
            page.screenshot(path=PICTURES / name)
            assert page.evaluate("document.documentElement.scrollWidth") <= size[0], at
            assert _violations(page) == [], at
    measured(f"pictures of {len(KINDS)} pages lie in {PICTURES.name}/")


def _violations(page: Page) -> list[str]:
    """What axe-core finds, and where. It is handed in from outside, since the pages allow no script but their own."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate((node.packages() / "axe-core" / "axe.min.js").read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [f"{one['id']}: {spot['html'][:160]}" for one in found["violations"] for spot in one["nodes"]]


@needs(CHROMIUM)
def test_the_first_page_is_painted_soon(visit: Visit, measured: Measured) -> None:
    with visit("/docs") as page:
        measured(f"first paint of /docs after {page.evaluate(PAINTED):.0f} ms, on loopback")


@needs(CHROMIUM)
def test_light_and_dark_are_the_readers_choice_and_stay(visit: Visit) -> None:
    with visit("/docs", scheme="dark") as page:
        background = "getComputedStyle(document.body).backgroundColor"
        dark = page.evaluate(background)
        page.get_by_role("button", name="Dark").click()
        light = page.evaluate(background)
        assert light != dark
        page.goto("/docs/errors")
        assert page.evaluate(background) == light
        expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "false")


@needs(CHROMIUM)
def test_without_scripts_a_page_reads_whole(visit: Visit) -> None:
    with visit(COUNTING, PHONE, scripts=False) as page:
        for language in LANGUAGES:
            expect(page.get_by_role("group", name=f"Sample in {language.title}", exact=True)).to_be_visible()
        expect(page.locator(".try")).to_be_hidden()
        page.get_by_role("link", name="Menu").click()
        page.get_by_role("link", name="Undo a count").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Undo a count")


# Finding.


@needs(CHROMIUM)
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_keyboard_alone_finds_an_operation(visit: Visit, size: tuple[int, int]) -> None:
    with visit("/docs", size) as page:
        field = page.get_by_role("combobox", name="Search")
        page.keyboard.press("/")
        expect(field).to_be_focused()
        page.keyboard.type("undo")
        expect(page.get_by_role("option").first).to_have_attribute("aria-selected", "true")
        expect(page.get_by_role("option").first).to_contain_text("Undo a count")
        assert field.get_attribute("aria-activedescendant") == "found-0"
        assert _violations(page) == []
        page.screenshot(path=PICTURES / f"search-{size[0]}.png")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.wait_for_url("**/docs/voidProductionRecord")


@needs(CHROMIUM)
@pytest.mark.parametrize(
    ("words", "place"),
    [
        ("clientEventId", "/docs/createProductionRecord#body-clientEventId"),
        ("session_closed", "/docs/errors#session_closed"),
        ("void", "/docs/voidProductionRecord"),
        ("idempotent", "/docs/checkIdempotencyKey"),
        ("ledger's format", "/docs/pages/reference/ledger-format"),
    ],
)
def test_fields_codes_and_pages_are_found(visit: Visit, words: str, place: str) -> None:
    with visit("/docs") as page:
        page.get_by_role("combobox", name="Search").fill(words)
        expect(page.get_by_role("option").first).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("listbox")).to_be_hidden()
        page.keyboard.press("ArrowDown")
        expect(page.get_by_role("option").first).to_be_visible()
        page.keyboard.press("Enter")
        page.wait_for_url(f"**{place}")


@needs(CHROMIUM)
def test_words_that_stand_nowhere_are_said_to(visit: Visit) -> None:
    with visit("/docs") as page:
        field = page.get_by_role("combobox", name="Search")
        field.fill("qwxyz")
        said = page.get_by_text("Nothing found")
        expect(said).to_have_class("nothing")
        field.press("Escape")
        expect(said).to_have_class("hidden")


@needs(CHROMIUM)
def test_the_first_stop_of_the_keyboard_skips_to_the_content(visit: Visit) -> None:
    with visit(COUNTING) as page:
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        expect(page.locator("main .eyebrow a").first).to_be_focused()


# Samples.


@needs(CHROMIUM)
def test_each_language_is_shown_and_copied_with_the_readers_host_and_token(visit: Visit, server: RunningServer) -> None:
    with visit(COUNTING) as page:
        _tell_token(page, "my.own.token")
        page.keyboard.press("Escape")
        page.get_by_role("tab", name="curl").focus()
        for language in LANGUAGES:
            expect(page.get_by_role("tab", name=language.title, exact=True)).to_have_attribute("aria-selected", "true")
            panel = page.get_by_role("tabpanel", name=language.title, exact=True)
            code = panel.locator("code").text_content() or ""
            assert f"{server.address}/api/control/production/records" in code
            assert "my.own.token" in code
            assert "<YOUR_JWT_HERE>" not in code
            panel.get_by_role("button", name="Copy").click()
            expect(panel.get_by_role("button", name="Copied")).to_be_visible()
            assert page.evaluate("navigator.clipboard.readText()") == code
            page.get_by_role("tab", name=language.title, exact=True).focus()
            page.keyboard.press("ArrowRight")
        page.keyboard.press("End")
        page.goto("/docs/listWorkers")
        expect(page.get_by_role("tab", name="R", exact=True)).to_have_attribute("aria-selected", "true")
        expect(page.locator("#sample-r")).to_contain_text("my.own.token")
        assert page.evaluate("Object.keys(localStorage).sort()") == ["hydrobit-language"]


def _tell_token(page: Page, token: str) -> None:
    page.locator("summary", has_text="Your token").click()
    page.get_by_label("A token for the samples").fill(token)


# Trying.


@needs(CHROMIUM)
def test_an_operation_is_tried_at_the_mock_with_its_dial(visit: Visit) -> None:
    with visit(COUNTING, PHONE) as page:
        form, came = page.locator(".try form"), page.locator(".came")
        _tell_token(page, "my.own.token")
        with page.expect_request("**/_mock/**") as sent:
            form.get_by_role("button", name="Send").click()
        assert "my.own.token" not in sent.value.headers["authorization"]
        expect(came.get_by_role("status")).to_contain_text("201")
        form.get_by_role("button", name="Send").click()
        expect(came.get_by_role("status")).to_contain_text("200")
        expect(came.get_by_label("The answer's body")).to_contain_text('"idempotent": true')
        form.locator("[name=fault]").select_option("lose-answer")
        form.get_by_role("button", name="Send").click()
        expect(came.get_by_role("status")).to_contain_text("send the same call again")
        form.locator("[name=fault]").select_option("")
        form.locator("[name=prefer]").select_option("example=session_closed")
        form.get_by_role("button", name="Send").click()
        expect(came.get_by_role("status")).to_contain_text("409")
        expect(came.get_by_label("The answer's body")).to_contain_text("session_closed")
        form.locator("[name=prefer]").select_option("")
        form.get_by_role("button", name="Start with a fresh mock").click()
        form.get_by_role("button", name="Send").click()
        expect(came.get_by_role("status")).to_contain_text("201")
        assert _violations(page) == []
        page.screenshot(path=PICTURES / "try-390.png")


@needs(CHROMIUM)
def test_real_data_is_changed_only_by_who_says_so(visit: Visit, server: RunningServer) -> None:
    with visit("/docs/createProductionSession") as page:
        form, status = page.locator(".try form"), page.locator(".came").get_by_role("status")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        form.get_by_role("radio", name="This server").check()
        form.get_by_role("button", name="Send").click()
        expect(status).to_contain_text("wants a token")
        _tell_token(page, server.token())
        form.get_by_role("button", name="Send").click()
        expect(status).to_contain_text("Nothing was sent")
        assert asked == []
        form.get_by_label("Yes, change real data").check()
        form.get_by_role("button", name="Send").click()
        expect(status).to_contain_text(re.compile("201|409"))
        assert [url for url in asked if "_mock" in url] == []


# What programs find.


@needs("curl")
def test_the_first_calls_of_the_overview_answer_as_they_say(server: RunningServer) -> None:
    commands = "\n".join(command for _, _, command, _ in FIRST_CALLS).replace("http://127.0.0.1:8080", server.address)
    done = subprocess.run(["bash", "-c", commands], capture_output=True, text=True, timeout=60, check=True)
    assert re.findall(r"HTTP/1.1 (\d+)", done.stdout) == ["201", "200", "409"]
    assert '"idempotency_conflict"' in done.stdout


def test_pages_may_be_kept_and_are_asked_for_anew(client: httpx.Client) -> None:
    first = client.get(COUNTING)
    assert first.status_code == 200
    assert first.headers["cache-control"] == "no-cache"
    again = client.get(COUNTING, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert "content-length" not in again.headers
    (style,) = re.findall(r'href="([^"]+site\.css\?v=\w+)"', first.text)
    assert "immutable" in client.get(style).headers["cache-control"]
    assert client.head(COUNTING).status_code == 200
    assert client.get("/healthz").headers["cache-control"] == "no-store"


def test_a_page_forbids_all_that_is_not_the_servers_own(client: httpx.Client) -> None:
    policy = client.get("/docs").headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


def test_a_browser_finds_the_first_page_at_the_root_and_a_program_finds_nothing(client: httpx.Client) -> None:
    page = client.get("/", headers={"accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"})
    assert page.status_code == 200
    assert page.content == client.get("/docs").content
    for accepted in ("*/*", "application/json"):
        answer = client.get("/", headers={"accept": accepted})
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_path")
    assert client.post("/", headers={"accept": "text/html"}).status_code == 404


def test_what_is_offered_for_download_is_there(client: httpx.Client) -> None:
    assert json.loads(client.get("/docs/postman.json").text)["item"]
    assert client.get("/llms.txt").text.startswith("# Hydrobit")
    for path in ("/docs/index.md", f"{COUNTING}.md", "/docs/errors.md", "/docs/pages/how-to/devices.md"):
        answer = client.get(path)
        assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
        assert answer.text.startswith("# ")
