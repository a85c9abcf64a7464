"""Looks for faults of pages for people who see little, or use keys or screen readers: axe.py BROWSER AXE PAGE...

AXE is the script of axe-core. A page is an address, perhaps with a space and the selector behind it of what is clicked first. Each is
looked at in light on a telephone and in dark on a desk. It exits with 1 where axe-core finds a serious or critical fault, and says
which.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

# Elements of a drawing overlap on purpose; what axe-core cannot decide is not a fault.
OPTIONS = {"resultTypes": ["violations"]}
# Colours do not depend on the width, and what has to be scrolled does not depend on colours.
LOOKS = (("light", 390), ("dark", 1280))
GRAVE = ("serious", "critical")


def faults(page):
    """The serious faults of the page as it is, in words."""
    found = page.evaluate("options => axe.run(document, options)", OPTIONS)
    assert found["passes"], "nothing was looked at"
    return [
        f"{fault['impact']}: {fault['id']}: {fault['help']}: {node['html'][:160]} {node.get('failureSummary', '')}"
        for fault in found["violations"]
        if fault["impact"] in GRAVE
        for node in fault["nodes"][:5]
    ]


def open_at(browser, axe, address, scheme, width):
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    address, _, clicked = address.partition(" ")
    page.goto(address)
    # What is shown on demand is looked at, too.
    page.evaluate("document.querySelectorAll('details').forEach((details) => (details.open = true))")
    if clicked:
        page.locator(clicked).first.click()
        page.locator("dialog[open] svg").first.wait_for()
    page.evaluate(axe)
    return page


def main():
    program, axe, *addresses = sys.argv[1:]
    axe = Path(axe).read_text()
    complaints = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which(program), args=["--no-sandbox"])
        for address in addresses:
            for scheme, width in LOOKS:
                page = open_at(browser, axe, address, scheme, width)
                complaints += [f"{address}, {scheme}, {width}: {fault}" for fault in faults(page)]
                page.close()
        # It is really looked at: a page with a fault is found out.
        page = browser.new_page()
        page.set_content("<html lang=en><title>a</title><main><h1>a</h1><p style='color: #bbb'>pale<button></button></p></main>")
        page.evaluate(axe)
        known = " ".join(faults(page))
        assert "color-contrast" in known and "button-name" in known, known
        browser.close()
    assert not complaints, "\n".join(complaints)
    print(f"axe-core: {len(addresses)} pages, no serious fault")


if __name__ == "__main__":
    main()
