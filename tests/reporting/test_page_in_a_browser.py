"""report.html of a real study in a browser: phone and desk, light and dark, without a network."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PHONE, DESK = 375, 1440
BROWSER, DRIVER = (shutil.which(name) for name in ("chromium", "chromedriver"))
needs_browser = pytest.mark.skipif(not (BROWSER and DRIVER), reason="no chromium with its driver")
# axe-core, which checks what people with impaired sight or without a mouse need.
AXE = Path(os.environ.get("AXE_CORE", ROOT / "node_modules/axe-core/axe.min.js"))
Show = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=DRIVER)
    made = webdriver.Chrome(options=options, service=service)
    made.execute_cdp_cmd("Network.enable", {})
    made.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["http://*", "https://*"]})
    yield made
    made.quit()


@pytest.fixture
def show(browser: Any) -> Show:
    """Open a page at a width, in light or dark, with every chart drawn."""

    def opened(page: Path, width: int = DESK, scheme: str = "light") -> Any:
        scheme_of_system = {"name": "prefers-color-scheme", "value": scheme}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme_of_system]})
        reporter = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width == PHONE}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", reporter)
        browser.get_log("browser")
        browser.get(page.as_uri())
        browser.set_script_timeout(60)
        browser.execute_async_script(
            "const done = arguments[0];"
            "Promise.all([...document.querySelectorAll('.chart')].map((c) => c.draw())).then(done)"
        )
        return browser

    return opened


def texts(browser: Any, column: int) -> list[str]:
    """Read a column of the first table, the rows that are shown."""
    script = (
        "return [...document.querySelector('main table').tBodies[0].rows]"
        ".filter((row) => !row.hidden).map((row) => row.cells[arguments[0]].textContent)"
    )
    read: list[str] = browser.execute_script(script, column)
    return read


@needs_browser
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_it_opens_without_errors_or_warnings_and_nothing_overflows(
    width: int, real_page: Path, show: Show
) -> None:
    browser = show(real_page, width)
    assert browser.get_log("browser") == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    outside = browser.execute_script(
        "return [...document.querySelectorAll('main *')]"
        ".filter((e) => !e.closest('.scroll, pre, svg')"
        " && e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 99))"
    )
    assert outside == []


@needs_browser
def test_every_picture_loads_and_charts_replace_some(real_page: Path, show: Show) -> None:
    browser = show(real_page)
    pictures = browser.execute_script(
        "return [...document.images].map((i) => [i.naturalWidth, i.alt, i.dataset.chart ?? ''])"
    )
    assert len(pictures) > 5
    assert all(wide > 300 and alt for wide, alt, _ in pictures)
    charts = browser.execute_script(
        "return [...document.querySelectorAll('.chart svg')]"
        ".map((s) => s.querySelectorAll('path').length)"
    )
    assert len(charts) == 4  # time and accuracy against the baseline, phases, accuracy over speed
    assert min(charts) > 10


@needs_browser
def test_a_click_on_a_heading_sorts_and_blanks_stay_last(real_page: Path, show: Show) -> None:
    browser = show(real_page)
    headings = browser.execute_script(
        "return [...document.querySelector('main table').tHead.rows[0].cells]"
        ".map((c) => c.innerText)"
    )
    column = next(i for i, heading in enumerate(headings) if heading.startswith("images/s"))
    buttons = browser.find_elements("css selector", "main table thead button")
    for sign in (1, -1):
        browser.execute_script("arguments[0].click()", buttons[column])
        shown = texts(browser, column)
        speeds = [float(text.split()[0].replace(",", "")) for text in shown if text != "–"]
        assert len(speeds) == 8
        assert speeds == sorted(speeds, reverse=sign == -1)
        assert shown[8:] == ["–"] * 8


@needs_browser
def test_a_word_filters_rows(real_page: Path, show: Show) -> None:
    browser = show(real_page)
    browser.find_element("css selector", ".filter input").send_keys("lenet5 512 adam")
    assert texts(browser, 0) == ["lenet5", "lenet5"]
    assert browser.find_element("css selector", ".filter output").text == "2 of 16"


@needs_browser
def test_a_verdict_that_decides_has_the_colour_of_its_direction(
    real_page: Path, show: Show
) -> None:
    browser = show(real_page)
    seen = browser.execute_script(
        "return [...document.querySelectorAll('td strong')]"
        ".map((word) => [word.textContent, getComputedStyle(word).color])"
    )
    colours = dict(seen)
    assert {"faster", "slower", "worse"} <= set(colours)
    assert colours["slower"] == colours["worse"] != colours["faster"]


@needs_browser
def test_on_a_phone_one_column_names_a_cell(real_page: Path, show: Show) -> None:
    read = (
        "return [...document.querySelector('main table').tBodies[0].rows[0].cells]"
        ".filter((cell) => cell.offsetWidth).map((cell) => cell.textContent).slice(0, 4)"
    )
    assert show(real_page, DESK).execute_script(read) == ["convnet", "512", "adam", "cpu"]
    name, accuracy, *_ = show(real_page, PHONE).execute_script(read)
    assert name == "convnet · batch 512 · adam · cpu"
    assert accuracy.startswith("97.")


@needs_browser
def test_it_follows_the_system_and_can_be_switched(real_page: Path, show: Show) -> None:
    paper = "return getComputedStyle(document.body).backgroundColor"
    browser = show(real_page, scheme="dark")
    dark = browser.execute_script(paper)
    browser.find_element("id", "theme").click()
    light = browser.execute_script(paper)
    assert light == "rgb(255, 255, 255)"
    assert dark != light


@needs_browser
@pytest.mark.skipif(not AXE.is_file(), reason="no axe-core (npm install axe-core)")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_an_accessibility_checker_finds_nothing(
    width: int, scheme: str, real_page: Path, show: Show
) -> None:
    browser = show(real_page, width, scheme)
    browser.execute_script(AXE.read_text(encoding="utf-8"))
    found = browser.execute_async_script(
        "const done = arguments[0]; axe.run().then((r) => done(r.violations.map("
        "(v) => [v.id, v.nodes.length, v.nodes[0].html.slice(0, 200)])))"
    )
    assert found == []
