"""Everyone can use the explorer: by keyboard, by screen reader, on any screen."""

import pytest

USER = "u00"
VIEWS = ("person?user=u00&item=i020", "home?user=u03", "item?item=i020", "model?")


def opened(visit, site, view, **options):
    page = visit(f"{site}/explore/#/{view}&model=first".replace("?&", "?"), **options)
    page.wait_for_selector(".why.like, .shelf, .lines, .chart")
    return page


def test_the_keyboard_alone_does_everything(visit, site):
    page = visit(f"{site}/explore/#/person?model=first&user={USER}")
    page.wait_for_selector(".list.discover .because >> text=/because of/")

    def tab_to(selector, most=60):
        for _ in range(most):
            if page.evaluate("s => document.activeElement.matches(s)", selector):
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not come to {selector}")

    tab_to("#person")
    page.keyboard.type("u07")
    page.keyboard.press("Enter")
    page.wait_for_selector("h1 >> text=Person u07")
    page.wait_for_selector(".list.discover .because >> text=/because of/")
    tab_to("canvas")
    page.keyboard.press("ArrowRight")
    first = page.wait_for_selector(".tip strong").inner_text()
    page.keyboard.press("ArrowDown")
    second = page.locator(".tip strong").inner_text()
    assert first != second
    page.keyboard.press("Enter")
    page.wait_for_selector(".detail h2")
    assert page.locator(".detail h2").inner_text() == second
    tab_to(".detail .close", 200)
    page.keyboard.press("Escape")
    page.wait_for_selector(".detail", state="detached")
    tab_to(".list.discover .row", 200)
    page.keyboard.press("Enter")
    page.wait_for_selector(".detail h2")
    tab_to(".what-if .rate", 200)
    page.keyboard.press("Enter")
    page.wait_for_selector("h1 .badge")


@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing_serious_and_nothing_is_wider_than_the_screen(visit, site, view):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is missing")
    page = opened(visit, site, view)
    for scheme in ("light", "dark"):
        found = axe.Axe().run(page).response["violations"]
        serious = [
            (rule["id"], [node["html"] for node in rule["nodes"]][:3])
            for rule in found
            if rule["impact"] in ("serious", "critical")
        ]
        assert not serious, scheme
        page.get_by_label("Dark or light").click()
    for width in (2560, 768, 390, 320):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, width


def test_the_page_says_to_screen_readers_what_changed(visit, site):
    page = visit(f"{site}/explore/#/person?model=first&user={USER}")
    page.wait_for_selector("#say >> text=/first pick/", state="attached")
    assert page.locator("[role=status]").inner_text().startswith(f"Person {USER}")
