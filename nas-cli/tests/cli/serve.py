"""Looks at the page of `nas serve` in a browser, as a person would: serve.py URL FOLDER_FOR_PICTURES BROWSER [PAGE]...

The page shows a run "running", which goes on, and runs "one" and "two", which are finished. PAGE is the
address of another page with curves: a report, a comparison. It exits with 1 and says what is wrong.
"""

import re
import shutil
import sys
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

PATIENCE = 30_000  # ms


def names(page):
    """The runs of the first page, in their order."""
    return page.locator("table.runs tbody th a").all_inner_texts()


def stays(page):
    """A mark that is gone if the page is loaded again."""
    page.evaluate("window.mark = 1")
    return lambda: page.evaluate("window.mark === 1")


def count(page):
    """The trials of the run on its page."""
    shown = page.locator(".pages span").first.inner_text()
    return int(shown.rsplit(" ", 1)[1].replace(",", ""))


def look_at_runs(page, url):
    page.goto(url)
    is_same = stays(page)
    expect(page.locator(".live")).to_have_text("live", timeout=PATIENCE)
    assert set(names(page)) == {"one", "two", "running"}, names(page)
    page.get_by_role("link", name="run", exact=True).click()
    expect(page.locator("th[aria-sort=ascending]")).to_contain_text("run")
    assert names(page) == ["one", "running", "two"], names(page)
    page.get_by_role("link", name="run ↑").click()
    expect(page.locator("th[aria-sort=descending]")).to_contain_text("run")
    assert names(page) == ["two", "running", "one"], names(page)
    page.get_by_label("Filter").fill("evol")
    expect(page.locator("table.runs tbody tr")).to_have_count(1, timeout=PATIENCE)
    assert names(page) == ["two"], names(page)
    page.get_by_label("Filter").fill("")
    expect(page.locator("table.runs tbody tr")).to_have_count(3, timeout=PATIENCE)
    # Trials come in, the boxes that are checked stay so.
    for name in ("one", "two"):
        page.get_by_label(f"choose {name}").check()
    cell = page.locator("tr", has=page.get_by_role("link", name="running", exact=True)).locator("td").nth(7)
    before = cell.inner_text()
    expect(cell).not_to_have_text(before, timeout=PATIENCE)
    assert page.locator("input:checked").count() == 2
    assert is_same(), "the page was loaded again"
    page.get_by_role("button", name="Overlay the chosen runs").click()
    svg = page.locator("#charts svg")
    expect(svg).to_be_visible()
    assert {"one", "two"} <= set(svg.locator("text").all_text_contents())


def look_at_a_run_that_goes_on(page, url):
    page.goto(url)
    page.get_by_role("link", name="running", exact=True).click()
    is_same = stays(page)
    before, report = count(page), page.locator("#report dl.figures").inner_text()
    page.wait_for_function(
        "before => Number(document.querySelector('.pages span').textContent.split(' ').pop().replaceAll(',', '')) > before",
        arg=before,
        timeout=PATIENCE,
    )
    page.wait_for_function(
        "before => document.querySelector('#report dl.figures').innerText !== before", arg=report, timeout=2 * PATIENCE
    )
    assert is_same(), "the page was loaded again"


def look_at_trials(page, url):
    page.goto(url)
    page.get_by_role("link", name="one", exact=True).click()
    is_same = stays(page)
    rows = page.locator("#trials tbody tr")
    first = lambda: float(rows.first.locator("td").first.inner_text().rstrip(" %"))
    page.locator("#trials thead a", has_text="validation accuracy").click()
    expect(page.locator("#trials th[aria-sort=descending]")).to_contain_text("validation accuracy")
    best = first()
    page.locator("#trials thead a", has_text="validation accuracy").click()
    expect(page.locator("#trials th[aria-sort=ascending]")).to_contain_text("validation accuracy")
    worst = first()
    assert worst < best, (worst, best)
    everything = count(page)
    bound = (worst + best) / 2
    page.get_by_label("Validation accuracy, % from").fill(f"{bound:.2f}")
    page.wait_for_function(
        "before => Number(document.querySelector('.pages span').textContent.split(' ').pop().replaceAll(',', '')) < before",
        arg=everything,
        timeout=PATIENCE,
    )
    assert first() >= bound - 0.01, (first(), bound)
    rows.first.locator("a").click()
    dialog = page.locator("dialog")
    expect(dialog).to_be_visible()
    expect(dialog.locator("svg").first).to_be_visible()
    expect(dialog.locator("h1")).to_contain_text("Trial ")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    with page.expect_download() as download:
        page.locator("#report .save button", has_text="SVG").first.click()
    assert Path(download.value.path()).read_text().startswith("<svg"), download.value
    with page.expect_download() as download:
        page.locator("#report .save button", has_text="PNG").first.click()
    assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG"), download.value
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert len(Path(download.value.path()).read_text().splitlines()) == everything + 1
    assert is_same(), "the page was loaded again"


def look_at_values(page, place):
    """The values of a curve, by pointer and by keys, and none once the pointer has left."""
    page.goto(place)
    chart = page.locator("figure svg:has(> .readout)").first
    reading = page.locator(".reading")
    strips = chart.locator(".readout rect")
    said = lambda strip: strip.locator("title").text_content()
    middle = strips.nth(strips.count() // 2)
    expected = said(middle)
    assert re.fullmatch(r"[0-9,]+( to [0-9,]+)? trials?(\n.+: [0-9.]+ %.*)+", expected), expected
    middle.hover()
    expect(reading).to_be_visible()
    assert reading.text_content() == expected, reading.text_content()
    assert middle.locator("title").count() == 0, "the browser would show it, too"
    page.mouse.move(1, 1)
    expect(reading).to_be_hidden()
    assert said(middle) == expected
    first = said(strips.first)
    chart.focus()
    page.keyboard.press("Home")
    expect(reading).to_have_text(first)
    page.keyboard.press("ArrowRight")
    assert reading.text_content() != first
    page.keyboard.press("Escape")
    expect(reading).to_be_hidden()


def look_at_sizes(browser, url, pictures):
    """In light and dark, on a telephone and on a desk: nothing is wider than the page."""
    for scheme in ("light", "dark"):
        for width in (390, 1280):
            page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
            page.goto(url)
            places = {"runs": url}
            for name in ("one", "running"):
                link = page.get_by_role("link", name=name, exact=True)
                places[name] = url.rstrip("/") + link.get_attribute("href")
            places["trial"] = places["one"] + "/trials/3"
            ids = [box.get_attribute("value") for box in page.locator("input[type=checkbox]").all()]
            places["overlay"] = f"{url}overlay?" + "&".join(f"run={one}" for one in ids)
            for name, place in places.items():
                page.goto(place)
                wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                assert wide <= 0, f"{name} is {wide} pixels wider than {width}"
                page.screenshot(path=pictures / f"{name}-{scheme}-{width}.png", full_page=True)
            page.goto(places["one"])
            page.locator("#trials tbody a").first.click()
            expect(page.locator("dialog svg").first).to_be_visible()
            page.screenshot(path=pictures / f"dialog-{scheme}-{width}.png")
            page.close()


def look_without_script(browser, url):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(url)
    page.get_by_role("link", name="run", exact=True).click()
    assert names(page) == ["one", "running", "two"], names(page)
    page.get_by_role("link", name="one", exact=True).click()
    assert page.locator(".readout rect title").first.text_content(), "values without a script"
    page.get_by_role("link", name="next", exact=True).first.click()
    assert page.locator(".pages span").first.inner_text().startswith("101 to ")
    page.locator("#trials tbody a").first.click()
    expect(page.locator("h1")).to_contain_text("Trial ")
    context.close()


def main():
    url, pictures, program, more = sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4:]
    complaints = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which(program), args=["--no-sandbox"])
        page = browser.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: request.url.startswith((url, "data:", "blob:", "file:")) or complaints.append(request.url))
        look_at_runs(page, url)
        look_at_a_run_that_goes_on(page, url)
        look_at_trials(page, url)
        page.goto(url)
        one = page.get_by_role("link", name="one", exact=True).get_attribute("href")
        for place in [url.rstrip("/") + one, *more]:
            look_at_values(page, place)
        page.close()
        look_at_sizes(browser, url, pictures)
        look_without_script(browser, url)
        browser.close()
    assert not complaints, complaints


if __name__ == "__main__":
    main()
