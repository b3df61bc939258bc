"""The page in a real browser: it asks for nothing, sorts, filters, follows the theme, fits a phone, and can be read by all.

One headless Chromium for the whole module, which reads the page from file:// as a person would.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from parity.report.page import write_page
from tests.report.page import sample

NAMES = ("chromium", "chromium-browser", "google-chrome")
INSTALL = ("apt-get", "install", "-y", "--no-install-recommends", "chromium")
PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 900}


def chromium():
    """The path of a browser; installed where that is possible, else the test is skipped with the way to install it."""

    def found():
        return next((path for name in NAMES if (path := shutil.which(name))), None)

    path = found()
    if path is None and os.geteuid() == 0 and shutil.which("apt-get"):
        # One process of the tests at a time: beside another one apt-get ends at once, and these tests would be skipped.
        with Path(tempfile.gettempdir(), "parity-install-chromium").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            path = found()
            if path is None:
                for command in (("apt-get", "update"), INSTALL):
                    subprocess.run(command, check=False, capture_output=True, timeout=300)
                path = found()
    if path is None:
        install = " ".join(("sudo", *INSTALL))
        pytest.skip(
            f"no browser: none of {', '.join(NAMES)} is on the PATH; on Debian or Ubuntu install one: {install}"
        )
    return path


@pytest.fixture(scope="module")
def browser():
    path = chromium()
    with sync_playwright() as playwright:
        # a container has no user namespaces to build a sandbox of, and often a small /dev/shm
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"] if os.geteuid() == 0 else []
        started = playwright.chromium.launch(executable_path=path, args=arguments)
        yield started
        started.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = sample.write(tmp_path_factory.mktemp("page"), run=sample.run(), bench=sample.bench())
    return write_page(folder).as_uri()


def visit(browser, address, **options):
    """The page in a context of its own, with all that it said, asked for and did wrong in `page.told`."""
    context = browser.new_context(**{"viewport": DESK, "color_scheme": "light", "reduced_motion": "reduce", **options})
    page = context.new_page()
    page.set_default_timeout(5000)
    page.told = []
    page.on("console", lambda message: page.told.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: page.told.append(f"error: {error}"))
    page.on("dialog", lambda dialog: (page.told.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda request: request.url in (address, "data:,") or page.told.append(f"asked: {request.url}"))
    page.goto(address)
    return page


@pytest.fixture
def open_page(browser, address):
    """`open_page(**options of the context)`: a page that is closed after the test."""
    pages = []
    yield lambda **options: pages.append(visit(browser, address, **options)) or pages[-1]
    for page in pages:
        page.context.close()


@pytest.fixture
def page(open_page):
    return open_page()


@pytest.fixture(scope="module")
def still(browser, address):
    """One page for all tests that only look."""
    page = visit(browser, address)
    yield page
    page.context.close()


def column(page, table, label):
    """(text, data-value) of the visible cells of a column, in order."""
    return page.evaluate(
        """([table, label]) => {
            const headings = [...document.querySelectorAll(`#${table} thead th`)];
            const place = headings.findIndex((heading) => heading.textContent === label);
            const rows = [...document.querySelectorAll(`#${table} tbody tr`)].filter((row) => !row.hidden);
            return rows.map((row) => [row.cells[place].textContent, row.cells[place].dataset.value]);
        }""",
        [table, label],
    )


def sort_button(page, table, label):
    return page.locator(f"#{table}").get_by_role("button", name=label, exact=True)


def directions(page, table):
    return page.eval_on_selector_all(f"#{table} thead th", "all => all.map((one) => one.getAttribute('aria-sort'))")


def announced(page, table):
    return page.locator(f"[data-filtered]:has(#{table}) output").text_content()


def accessible(page):
    """(role, name) of everything that a screen reader meets."""
    nodes = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    return [
        # Chromium ends the name of a label that has a line of its own in a space.
        (node["role"]["value"], node.get("name", {}).get("value", "").strip())
        for node in nodes
        if not node["ignored"] and "role" in node
    ]


class TestQuiet:
    @pytest.mark.parametrize(
        "options", [{}, {"color_scheme": "dark", "viewport": PHONE}, {"java_script_enabled": False}]
    )
    def test_says_nothing_and_asks_for_nothing(self, open_page, options):
        assert open_page(**options).told == []

    def test_an_element_in_a_name_is_shown_and_not_run(self, still):
        assert still.locator("body > script").count() == still.locator("script").count() == 1
        assert sample.ATTACK in still.locator("#parity-table tbody").inner_text()
        assert sample.ATTACK in still.locator("#speed-table tbody").inner_text()
        assert sample.ATTACK in still.locator("#results").inner_text()


class TestSorting:
    @pytest.mark.parametrize(
        ("table", "label"),
        [("speed-table", "Median time"), ("speed-table", "Ratio"), ("parity-table", "Largest difference")],
    )
    def test_numbers_by_click(self, page, table, label):
        for direction in ("ascending", "descending", "ascending"):
            sort_button(page, table, label).click()
            values = [value for _, value in column(page, table, label)]
            known = [float(value) for value in values if value]
            assert len(known) > 10
            assert known == sorted(known, reverse=direction == "descending")
            assert values[len(known) :] == [""] * (len(values) - len(known))  # unknown ones last, both ways
            assert directions(page, table).count(direction) == 1
            assert directions(page, table).count("none") == len(directions(page, table)) - 1

    def test_by_number_is_not_by_text(self, page):
        sort_button(page, "speed-table", "Median time").click()
        shown = [text for text, value in column(page, "speed-table", "Median time") if value]
        assert shown != sorted(shown)
        assert shown[:3] == ["230 µs", "410 µs", "704 µs"]

    @pytest.mark.parametrize("key", ["Enter", "Space"])
    def test_text_by_keyboard(self, page, key):
        page.locator("#speed-table").get_by_role("button", name="Comparison").focus()
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")  # dtype, Candidate
        page.keyboard.press(key)
        shown = [text for text, _ in column(page, "speed-table", "Candidate") if text != "–"]
        assert shown == sorted(shown, key=str.lower)
        assert directions(page, "speed-table")[2] == "ascending"
        page.keyboard.press(key)
        assert directions(page, "speed-table")[2] == "descending"
        assert column(page, "speed-table", "Candidate")[0][0] == "torch.compile"

    def test_only_the_last_column_says_that_it_is_sorted(self, page):
        for label in ("Ratio", "Verdict"):
            sort_button(page, "speed-table", label).click()
        assert {place: way for place, way in enumerate(directions(page, "speed-table")) if way != "none"} == {
            6: "ascending"
        }

    def test_loses_no_row(self, page):
        before = sorted(column(page, "speed-table", "Remarks"))
        sort_button(page, "speed-table", "Verdict").click()
        assert sorted(column(page, "speed-table", "Remarks")) == before


class TestFilters:
    def test_text(self, page):
        assert announced(page, "speed-table") == "28 of 28 rows"
        field = page.locator("[data-filtered]:has(#speed-table)").get_by_label("Filter rows")
        field.fill("BATCHED torch.compile")
        assert announced(page, "speed-table") == "2 of 28 rows"
        assert {text for text, _ in column(page, "speed-table", "Candidate")} == {"torch.compile"}
        assert announced(page, "parity-table") == "27 of 27 rows"  # each table has its own
        field.fill("nothing like it")
        assert announced(page, "speed-table") == "0 of 28 rows"
        field.fill("")
        assert announced(page, "speed-table") == "28 of 28 rows"

    def test_verdict(self, page):
        choice = page.locator("[data-filtered]:has(#speed-table)").get_by_label("Verdict")
        choice.select_option("FASTER")
        assert announced(page, "speed-table") == "3 of 28 rows"
        assert {text for text, _ in column(page, "speed-table", "Verdict")} == {"FASTER"}
        page.locator("[data-filtered]:has(#speed-table)").get_by_label("Filter rows").fill("SDPA")
        assert announced(page, "speed-table") == "1 of 28 rows"
        choice.select_option("all")
        assert announced(page, "speed-table") == "1 of 28 rows"

    def test_parity_verdict(self, page):
        page.get_by_label("Worst verdict").select_option("SEMANTIC")
        assert column(page, "parity-table", "Operation") == [[sample.ATTACK, None]]
        assert announced(page, "parity-table") == "1 of 27 rows"

    def test_sorting_keeps_the_filter(self, page):
        page.locator("[data-filtered]:has(#speed-table)").get_by_label("Verdict").select_option("SLOWER")
        sort_button(page, "speed-table", "Ratio").click()
        shown = column(page, "speed-table", "Ratio")
        assert [text for text, _ in shown] == ["1.143", "1.459", "1.803", "1.900", "3.429", "22.2"]

    def test_counts_are_announced(self, still):
        live = still.eval_on_selector_all("output", "all => all.map((one) => [one.role, one.ariaLive])")
        assert live == [["status", "polite"]] * 2

    def test_enter_does_not_send_the_form(self, page):
        page.locator("[data-filtered]:has(#speed-table)").get_by_label("Filter rows").press("Enter")
        assert page.told == []


class TestTheme:
    BACKGROUND = "getComputedStyle(document.body).backgroundColor"
    PICTURE = "getComputedStyle(document.querySelector('figure .wide text')).fill"

    def test_follows_the_system(self, open_page):
        light, dark = open_page(color_scheme="light"), open_page(color_scheme="dark")
        for colour in (self.BACKGROUND, self.PICTURE):
            assert light.evaluate(colour) != dark.evaluate(colour)
        assert light.locator("#theme").inner_text() == "Dark theme"
        assert dark.locator("#theme").inner_text() == "Light theme"

    def test_follows_a_change_of_the_system(self, page):
        before = page.evaluate(self.BACKGROUND)
        page.emulate_media(color_scheme="dark")
        assert page.evaluate(self.BACKGROUND) != before
        assert page.locator("#theme").inner_text() == "Light theme"

    def test_button_switches_and_is_remembered(self, page):
        light, picture = page.evaluate(self.BACKGROUND), page.evaluate(self.PICTURE)
        page.locator("#theme").click()
        dark = page.evaluate(self.BACKGROUND)
        assert dark != light
        assert page.evaluate(self.PICTURE) != picture
        page.reload()
        assert page.evaluate(self.BACKGROUND) == dark
        page.locator("#theme").press("Enter")
        assert page.evaluate(self.BACKGROUND) == light


class TestPhone:
    def test_never_wider_than_the_screen(self, page):
        for width in (320, 360, 620, 621, 800):
            page.set_viewport_size({"width": width, "height": 740})
            assert page.evaluate("document.documentElement.scrollWidth") <= width

    def test_tables_scroll_in_their_own_box(self, open_page):
        page = open_page(viewport=PHONE)
        box = "document.querySelector('.scroll:has(#speed-table)')"
        assert page.evaluate(f"{box}.scrollWidth > {box}.clientWidth")
        assert page.evaluate(f"({box}.scrollLeft = 200, {box}.scrollLeft)") == 200

    @pytest.mark.parametrize(("viewport", "shown"), [(PHONE, "narrow"), (DESK, "wide")])
    def test_pictures_fit_and_their_type_can_be_read(self, open_page, viewport, shown):
        told = open_page(viewport=viewport).evaluate(PICTURES)
        assert {one["kind"] for one in told["drawings"]} == {shown}
        assert len(told["drawings"]) == 7
        assert min(one["type"] for one in told["drawings"]) > 10.5  # CSS pixels
        assert told["cut"] == []
        assert told["overlapping"] == []


# Of all drawings that are visible: the smallest type, every text that leaves its drawing, every two texts on each other.
PICTURES = """() => {
    const found = { drawings: [], cut: [], overlapping: [] };
    for (const drawing of document.querySelectorAll("figure svg")) {
        const frame = drawing.getBoundingClientRect();
        if (!frame.width) continue;
        const scale = frame.width / drawing.viewBox.baseVal.width;
        const texts = [...drawing.querySelectorAll("text")];
        const sizes = texts.map((text) => parseFloat(getComputedStyle(text).fontSize) * scale);
        found.drawings.push({ kind: drawing.parentElement.className, type: Math.min(...sizes) });
        const boxes = texts.map((text) => text.getBoundingClientRect());
        boxes.forEach((box, index) => {
            const name = `${drawing.getAttribute("aria-labelledby")}: ${texts[index].textContent}`;
            const across = box.left < frame.left - 1 || box.right > frame.right + 1;
            if (across || box.top < frame.top - 1 || box.bottom > frame.bottom + 1) found.cut.push(name);
            boxes.slice(0, index).forEach((other, place) => {
                const across = Math.min(box.right, other.right) - Math.max(box.left, other.left);
                const down = Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top);
                if (across > 1 && down > box.height / 3) found.overlapping.push(`${name} and ${texts[place].textContent}`);
            });
        });
    }
    return found;
}"""

# Contrast of every text that is shown against the nearest background, as WCAG 2 defines it: the worst of each element.
CONTRAST = """(inside) => {
    const parsed = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const luminance = (colour) => {
        const [red, green, blue] = parsed(colour).slice(0, 3).map((part) => {
            const share = part / 255;
            return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const background = (element) => {
        for (; element; element = element.parentElement) {
            const colour = getComputedStyle(element).backgroundColor;
            if (parsed(colour)[3] !== 0) return colour;
        }
        return "rgb(255, 255, 255)";
    };
    const found = [];
    const walker = document.createTreeWalker(document.querySelector(inside), NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        const shown = element.getClientRects().length && !element.closest("script, title, desc");
        if (!shown || !walker.currentNode.data.trim()) continue;
        const style = getComputedStyle(element);
        const text = element.closest("svg") ? style.fill : style.color;
        const [one, other] = [luminance(text), luminance(background(element))].sort((a, b) => b - a);
        found.push([(one + 0.05) / (other + 0.05), walker.currentNode.data.trim().slice(0, 40)]);
    }
    return found;
}"""


class TestForAll:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_contrast(self, open_page, scheme):
        page = open_page(color_scheme=scheme)
        found = page.evaluate(CONTRAST, "body")
        assert len(found) > 1000
        assert [one for one in found if one[0] < 4.5] == []
        page.add_style_tag(content="caption { color: var(--rule) !important; }")
        assert any(ratio < 4.5 for ratio, _ in page.evaluate(CONTRAST, "main"))  # the check can fail

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_contrast_of_lines_and_markers(self, open_page, scheme):
        page = open_page(color_scheme=scheme)
        for name in ("jax", "torch", "bad", "quiet", "link"):
            page.add_style_tag(content=f"h1 {{ color: var(--{name}) !important; }}")
            assert page.evaluate(CONTRAST, "h1")[0][0] >= 3, name  # WCAG 2: graphics

    @pytest.mark.parametrize("viewport", [DESK, PHONE])
    def test_every_picture_and_control_has_a_name(self, open_page, viewport):
        found = accessible(open_page(viewport=viewport))
        named = {
            role: [name for other, name in found if other == role] for role in ("image", "figure", "table", "region")
        }
        assert {role: len(names) for role, names in named.items()}.items() >= {"image": 7, "figure": 7}.items()
        controls = [name for role, name in found if role in ("searchbox", "textbox", "combobox", "button", "link")]
        assert len(controls) > 20
        assert all(controls)
        assert all(name for names in named.values() for name in names)
        assert {"Filter rows", "Verdict", "Worst verdict"} <= set(controls)

    def test_names_of_pictures_differ(self, still):
        names = [name for role, name in accessible(still) if role == "image"]
        assert len(set(names)) == len(names)

    def test_headings_do_not_skip(self, still):
        levels = still.eval_on_selector_all("h1, h2, h3, h4, h5, h6", "all => all.map((one) => Number(one.tagName[1]))")
        assert levels.count(1) == 1
        assert levels[0] == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))

    def test_landmarks(self, still):
        roles = [role for role, _ in accessible(still)]
        assert [roles.count(role) for role in ("banner", "main", "navigation", "contentinfo")] == [1, 1, 1, 1]

    def test_tables_have_captions_and_scopes(self, still):
        for table in still.locator("table").all():
            told = table.evaluate(
                """one => [one.caption.textContent, [...one.tHead.rows[0].cells].map((cell) => cell.scope),
                    [...one.tBodies[0].rows].map((row) => row.cells[0].scope)]"""
            )
            assert told[0]
            assert set(told[1]) == {"col"}
            assert set(told[2]) == {"row"}

    def test_ids_are_unique(self, still):
        ids = still.eval_on_selector_all("[id]", "all => all.map((one) => one.id)")
        assert len(ids) == len(set(ids))

    def test_skip_link_is_first_and_works(self, page):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the results"
        assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"

    def test_focus_is_seen(self, page):
        for _ in range(25):
            page.keyboard.press("Tab")
            shown = page.evaluate(
                "(({outlineStyle, outlineWidth}) => [outlineStyle, outlineWidth])(getComputedStyle(document.activeElement))"
            )
            assert shown == ["solid", "2px"], page.evaluate("document.activeElement.outerHTML.slice(0, 80)")

    def test_every_link_inside_the_page_leads_somewhere(self, still):
        targets = still.eval_on_selector_all("a[href^='#']", "all => all.map((one) => one.getAttribute('href'))")
        assert len(targets) == 11
        assert all(still.locator(target).count() == 1 for target in targets)


class TestWithoutScript:
    def test_everything_is_there_but_what_needs_it(self, open_page):
        page = open_page(java_script_enabled=False)
        assert page.locator("#speed-table tbody tr").count() == 28
        assert page.locator("#speed-table tbody tr:visible").count() == 28
        assert page.locator("figure svg:visible").count() == 7
        for control in ("#theme", ".filters", "thead button"):
            assert page.locator(f"{control}:visible").count() == 0
