"""`conv4rec explore`: one file that opens anywhere, asks nobody, and says what the model says."""

import json
import re

import pytest

from conv4rec.cli import main as cli
from conv4rec.serve.explorer.saved_page import STATIC, bundle

USER = "u00"


@pytest.fixture(scope="module")
def saved(folders, tmp_path_factory):
    out = tmp_path_factory.mktemp("saved") / "page.html"
    words = ["--user", USER, "--out", out, "--titles", folders / "titles.parquet"]
    assert cli.run(["explore", str(folders / "first"), *map(str, words)]) == 0
    return out


def test_the_page_holds_no_address_and_no_markup_of_the_data(saved, titles):
    text = saved.read_text()
    assert not re.search(r"<(link|img|iframe)\b|<script[^>]*src", text)
    data = re.search(r'id="answers">(.*?)</script>', text, re.DOTALL)[1]
    assert "<" not in data
    assert json.loads(data)["views"]["catalogue"]["items"]["title"] == list(titles.values())
    assert text.count("<script") == 3  # the data, the charts, the page


def test_every_module_is_in_the_bundle_after_what_it_imports():
    text = bundle()
    names = {path.name for path in (STATIC / "js").glob("*.js")}
    order = re.findall(r'^modules\["(\w+\.js)"\]', text, re.MULTILINE)
    assert set(order) == names
    assert not re.search(r"^\s*(import|export) ", text, re.MULTILINE)
    for used, by in re.findall(r'= modules\["(\w+\.js)"\];|^modules\["(\w+\.js)"\]', text, re.M):
        if by:
            ready = set(order[: order.index(by)])
        else:
            assert used in ready


def test_the_saved_page_works_without_a_server(visit, saved, world_model, titles):
    page = visit(saved.as_uri())
    page.wait_for_selector(".list.discover .because >> text=/because of/")
    assert page.locator("h1").inner_text() == f"Person {USER}"
    expected = [titles[i] for i in world_model.recommend(USER, 8, by="discover")["item_id"]]
    assert page.locator(".list.discover .title").all_inner_texts() == expected
    page.locator(".list.discover .row").first.click()
    page.wait_for_selector(".detail .bar")
    assert page.locator(".detail .contributions li").count() == 2
    for what_asks in (".picker", ".adder", ".what-if", ".data", "nav"):
        assert page.locator(what_asks).count() == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--out", "a.html"], "a page is of one person: give --user or --history"),
        (["--user", "u00", "--out", "a.txt"], "--out writes a .html page; got 'a.txt'"),
        (["--user", "u00", "--out", "no/a.html"], "no/a.html cannot be written"),
        (["--user", "u999", "--out", "a.html"], "user 'u999' is not in the training data"),
        (["--history", "two.csv", "--out", "a.html"], "the history has 2"),
    ],
)
def test_mistakes_are_one_sentence_and_write_nothing(
    folders, words, sentence, tmp_path, monkeypatch, capfd
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "two.csv").write_text("user_id,item_id,rating\na,i001,5\nb,i002,4\n")
    assert cli.run(["explore", str(folders / "first"), *words]) == 2
    assert sentence in capfd.readouterr().err.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["two.csv"]
