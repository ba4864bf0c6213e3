"""The visitors of the explorer in a real browser: each finds what they came for."""

import json
import re
import urllib.request

import pytest

from conv4rec import Conv4Rec

USER = "u00"


def at(site, view="person", **state):
    query = "&".join(f"{name}={value}" for name, value in {"model": "first", **state}.items())
    return f"{site}/explore/#/{view}?{query}"


def settled(page):
    """Wait until the slower half of a person's answers, the reasons, is on the screen."""
    page.wait_for_selector(".list.discover .because >> text=/because of/")
    return page


def listed(page, kind):
    return page.locator(f".list.{kind} .title").all_inner_texts()


def asked(site, address):
    with urllib.request.urlopen(f"{site}/v1/models/first/explore/{address}") as answer:
        return answer.read().decode()


def names(titles, frame):
    return [titles[item] for item in frame["item_id"]]


def test_the_first_screen_says_what_they_pick_what_they_love_how_sure_and_why(
    visit, site, world_model, titles
):
    page = settled(visit(at(site, user=USER)))
    assert page.locator("h1").inner_text() == f"Person {USER}"
    assert "20 items of 150" in page.locator(".lede").inner_text()
    for kind in ("consume", "discover"):
        assert listed(page, kind) == names(titles, world_model.recommend(USER, 8, by=kind))
    assert "90% interval" in page.locator(".list.discover .range").first.get_attribute("aria-label")
    # Someone who comes without an address is shown a person, not a form.
    assert re.match(r"Person u\d\d", visit(f"{site}/explore/").locator("h1").inner_text())


def test_the_engineer_opens_an_item_and_sees_all_chances_the_interval_and_the_reasons(
    visit, site, world_model, titles
):
    page = settled(visit(at(site, user=USER)))
    first = world_model.recommend(USER, 1, by="discover").row(0, named=True)
    page.locator(".list.discover .row").first.click()
    card = page.locator(".detail")
    assert card.locator("h2").inner_text() == titles[first["item_id"]]
    assert card.locator(".bar").count() == 5
    assert "90% interval" in card.inner_text()
    parts = world_model.explain(USER, first["item_id"])[1:]
    most = parts.sort(parts["contribution"].abs(), descending=True)["item_id"][0]
    assert titles[most] in card.locator(".why.like").inner_text()
    assert f"item={first['item_id']}" in page.url
    # The address alone brings the same card back.
    again = visit(page.url)
    assert again.locator(".detail h2").inner_text() == titles[first["item_id"]]


def test_a_dot_under_the_pointer_is_described_and_a_click_opens_it(visit, site):
    page = settled(visit(at(site, user=USER)))
    mark, box = page.locator("circle.mark.discover").first, page.locator("canvas").bounding_box()
    x, y = (box[s] + float(mark.get_attribute(c)) for s, c in (("x", "cx"), ("y", "cy")))
    page.mouse.move(x, y)
    page.wait_for_selector(".tip .bar")
    named = page.locator(".tip strong").inner_text()
    assert named in listed(page, "discover")
    page.mouse.click(x, y)
    assert page.locator(".detail h2").inner_text() == named


def test_what_if_they_rate_see_or_never_had_an_item(visit, site, world_model, titles):
    page = settled(visit(at(site, user=USER)))
    before = listed(page, "consume")
    own = dict(
        world_model.interactions_.to_frame().filter(user_id=USER)["item_id", "rating"].rows()
    )
    item = next(id for id, title in titles.items() if title == before[0])
    page.locator(".list.consume .row").first.click()
    page.locator(".what-if button[aria-label='rated 5']").click()
    page.wait_for_selector("h1 .badge")
    after = names(titles, world_model.recommend({**own, item: 5}, 8))
    assert before[0] not in after
    page.locator(".list.consume li:first-child .title", has_text=after[0]).wait_for()
    assert listed(page, "consume") == after
    page.locator(".detail button[aria-label='seen, no opinion']").click()
    page.wait_for_selector(".detail .seen >> text=no opinion given")
    after = names(titles, world_model.recommend({**own, item: None}, 8))
    assert listed(page, "consume") == after
    gone = next(iter(own))
    page.locator(f"[data-key='remove {gone}']").click()
    page.wait_for_selector(f"[data-key='remove {gone}']", state="detached")
    del own[gone]
    assert listed(page, "consume") == names(titles, world_model.recommend({**own, item: None}, 8))
    page.go_back()
    page.wait_for_selector(f"[data-key='remove {gone}']")
    page.get_by_text("Back to their own").click()
    page.wait_for_selector("h1 .badge", state="detached")
    assert listed(page, "consume") == before


def test_an_item_is_added_by_words_of_its_title(visit, site):
    page = settled(visit(at(site, user=USER)))
    title = listed(page, "consume")[1]
    page.get_by_label("Add an item").fill(title.lower())
    page.locator(".offers li", has_text=title).first.get_by_label("rated 4").click()
    page.wait_for_selector("h1 .badge")
    assert title in page.locator(".entries").inner_text()


def test_anyones_history_is_pasted_and_what_is_unknown_is_said(visit, site, world_model, titles):
    page = settled(visit(at(site, user=USER)))
    items = world_model.interactions_.items.to_series()
    page.get_by_text("Paste a history").click()
    page.locator("#pasted").fill(f"{titles[items[5]]}, 5\n{items[7]}\nDune, 3")
    page.get_by_text("Use it").click()
    page.wait_for_selector("h1 >> text=A pasted history")
    said = page.locator(".notice").first.inner_text()
    assert "1 of 3 items of this history is unknown to the model" in said
    assert "Dune" in said
    expected = world_model.recommend({items[5]: 5, items[7]: None}, 8)
    assert listed(page, "consume") == names(titles, expected)
    page.get_by_text("Paste a history").click()
    page.locator("#pasted").fill('{"nothing": 5}')
    page.get_by_text("Use it").click()
    page.wait_for_selector(".notice >> text=by popularity")


def test_an_open_dialog_outlives_the_answers_that_come_meanwhile(visit, site):
    page = settled(visit(at(site, user=USER)))
    held = []
    page.route("**/explore/person*reasons=2*", lambda route: held.append(route))
    page.locator("#person").fill("u11")
    page.get_by_text("Show", exact=True).click()
    page.wait_for_selector("h1 >> text=u11")
    page.get_by_text("Paste a history").click()
    page.locator("#pasted").fill("half a title")
    while not held:
        page.wait_for_timeout(20)
    held[0].continue_()
    settled(page)
    assert page.locator("#pasted").is_visible()
    assert page.locator("#pasted").input_value() == "half a title"
    page.get_by_text("Cancel").click()
    page.locator("#pasted").wait_for(state="detached")


def test_two_models_side_by_side_say_what_differs(visit, site, folders, world_model):
    page = settled(visit(at(site, user=USER)))
    page.get_by_label("beside").select_option("second")
    note = page.wait_for_selector(".beside").inner_text()
    ours = world_model.recommend(USER, 8)["item_id"]
    theirs = Conv4Rec.load(folders / "second").recommend(USER, 8)["item_id"]
    assert f"{len(set(ours) & set(theirs))} of 8 picks are also second's" in note
    assert page.locator("circle.ghost").count() > 0
    assert "second: " in page.locator(".list.consume .because").first.inner_text()


def test_the_copied_calls_give_what_is_on_the_screen(visit, site, folders, titles, monkeypatch):
    page = settled(visit(at(site, user=USER)))
    page.get_by_text("These lists from code").click()
    curl, python = page.locator(".snippet pre").all_inner_texts()
    place, body = re.findall(r"'(http[^']*)'.*?-d '([^']*)'", curl, re.DOTALL)[0]
    request = urllib.request.Request(place, body.encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        rows = json.load(answer)["recommendations"]
    assert [row["title"] for row in rows] == listed(page, "discover")
    lists = []
    python = re.sub(r"^(model\.recommend.*)$", r"lists.append(\1['item_id'])", python, flags=re.M)
    monkeypatch.chdir(folders)
    exec(python, {"lists": lists})
    shown = [listed(page, "discover"), listed(page, "consume")]
    assert [[titles[item] for item in found] for found in lists] == shown


def test_the_data_behind_a_list_are_a_link_away(visit, site, world_model):
    page = settled(visit(at(site, user=USER)))
    link = page.locator(".list.discover").get_by_text("CSV").get_attribute("href")
    lines = asked(site, link.split("/explore/")[-1]).splitlines()
    items = world_model.recommend(USER, 8, by="discover")["item_id"].to_list()
    assert [line.split(",")[0] for line in lines] == ["item_id", *items]


def test_the_analyst_reads_the_model_an_item_and_a_box(visit, site, world_model, titles):
    page = visit(at(site, "model"))
    page.wait_for_selector(".chart")
    assert page.locator(".chart").count() == 3
    assert page.locator(".cell").count() == 6 * 3 + 5 * 2  # unrated has no output
    view = json.loads(asked(site, "model"))
    assert view["kernels"]["level"][-1] == "unrated"
    shown = page.locator("td.strong").first.inner_text()
    assert float(shown[:-1]) == pytest.approx(100 * view["coverage"]["share"][0], abs=0.51)
    audience = world_model.audience("i020", 10)
    page = visit(at(site, "item", item="i020"))
    page.wait_for_selector(".panel")
    found = page.locator("tbody td:first-child").all_inner_texts()
    assert found == audience["user_id"].to_list()
    similar = names(titles, world_model.similar_items("i020"))
    assert (
        page.locator(".panel", has_text="Its neighbours").locator("a").all_inner_texts()[2:]
        == similar
    )
    page = settled(visit(at(site, user=USER, box="1e-7,1,0.5,1")))
    page.wait_for_selector(".box >> text=/were likes|too few/")
    every = world_model.recommend(USER, 130, by="discover", novelty=0, min_p_like=0)
    n = every.filter(every["p_like"] >= 0.5).height
    assert f"{n} items in the box" in page.locator(".box h2").inner_text()


def test_the_product_manager_turns_the_dial_from_safe_to_daring(visit, site, titles, world_model):
    page = visit(at(site, "home", user=USER, daring=0))
    cards = page.locator("[aria-label='For you'] .title")
    cards.first.wait_for()
    picks = names(titles, world_model.recommend(USER, 10))
    assert cards.all_inner_texts() == picks
    loved = page.locator(".fact b").first.inner_text()
    slider = page.get_by_label("places go to discoveries")
    slider.focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    page.wait_for_selector("label >> text=4 of 10 places")
    bold = set(names(titles, world_model.recommend(USER, 4, by="discover")))
    assert bold <= set(cards.all_inner_texts())
    assert cards.count() == 10
    assert float(page.locator(".fact b").first.inner_text()) != float(loved)
    assert "daring=4" in page.url


def test_a_title_that_is_a_script_stays_text(visit, site, titles):
    item = next(iter(titles))
    page = settled(visit(at(site, user=USER, item=item)))
    page.wait_for_selector(".detail h2")
    assert page.locator(".detail h2").inner_text() == titles[item]
    assert page.title() == f"Person {USER} – conv4rec"
    assert page.locator("main script").count() == 0


def test_a_server_with_a_key_asks_for_it(visit, locked_site):
    page = visit(f"{locked_site}/explore/")
    page.get_by_label("API key").fill("sesame")
    page.get_by_text("Open").click()
    page.wait_for_selector(".list.discover .title")
    page.wrong.clear()  # the browser's own line about the answer 401


def test_a_mistake_in_the_address_is_a_sentence(visit, site):
    page = visit(at(site, user="nobody"))
    assert "'nobody' is not in the training data" in page.get_by_role("alert").inner_text()
    page.wrong.clear()  # the browser's own line about the answer 404


def test_a_server_that_is_busy_is_asked_again(visit, site):
    page = settled(visit(at(site, user=USER)))
    refused = []

    def refuse_once(route):
        refused.append(route.request.url)
        if len(refused) > 1:
            return route.fallback()
        return route.fulfill(status=503, headers={"Retry-After": "1"}, body="{}")

    page.route("**/explore/why*", refuse_once)
    page.locator(".list.consume .row").nth(2).click()
    page.wait_for_selector(".detail h2")
    assert len(refused) == 2
    page.wrong.clear()  # the browser's own line about the answer 503


def test_a_model_of_types_shows_a_list_by_each_type_with_why(visit, shop_site, shop_model):
    page = visit(f"{shop_site}/explore/")
    page.wait_for_selector(".panel")
    user = int(page.locator("h1").inner_text().removeprefix("Person "))
    assert page.locator("nav a").all_inner_texts() == ["Types"]
    for by in ("buy", "view"):
        shown = page.locator(f'.list[aria-label="Next by {by}"] .title').all_inner_texts()
        listed = shop_model.recommend(user, 8, by=by, reasons=2)
        assert shown == [str(id) for id in listed["item_id"]]
        because = page.locator(f'.list[aria-label="Next by {by}"] .because').first.inner_text()
        first = listed.row(0, named=True)
        assert because.startswith(f"because of {first['reason_1_type']} of {first['reason_1']}")
