"""The picture of one user: what is in it, and that untrusted text stays text."""

import re
import sys
import warnings
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest

from conv4rec import Conv4Rec
from conv4rec.cli.user_plot import user_plot_of
from conv4rec.cli.user_plot_picture import user_plot_svg
from conv4rec.recommender.discovery import CONFIDENCE, DiscoveryCriteria

EVIL = "<script>alert('1')</script>\"&</svg>"


@pytest.fixture(scope="module")
def evil():
    """A model whose ids are markup."""
    users = [f"u{n}{EVIL}" for n in range(6)]
    rows = [(u, f"i{n}{EVIL}", 1.0 + (n + len(u)) % 5) for u in users for n in range(4)]
    rows += [("u", f"i{n}{EVIL}", 3.0) for n in range(12)]
    log = pl.DataFrame(rows, schema=["user_id", "item_id", "rating"], orient="row")
    return Conv4Rec(n_steps=3, consume_reg_factors=(), consume_size=4, rate_size=4).fit(log)


def user_plot(model, user, names=(), k=3, **criteria):
    return user_plot_of(
        model, user, k, DiscoveryCriteria(**{"min_p_like": 0, **criteria}), dict(names)
    )


def test_every_item_left_is_a_dot_and_the_marked_ones_are_named(model):
    seen = user_plot(model, "u03")
    picture, dots = user_plot_svg(seen)
    drawn = ElementTree.fromstring(picture)
    text = " ".join(drawn.itertext())
    assert seen.items.height == 10 == len(dots)
    assert len(seen.likely) == 3
    assert seen.discoveries
    for row in (*seen.likely, *seen.discoveries):
        assert seen.items["item_id"][row] in text
    others = np.delete(dots, [*seen.likely, *seen.discoveries], axis=0)
    (group,) = (node for node in drawn.iter() if node.get("id") == "others")
    uses = [node for node in group.iter() if node.tag.endswith("}use")]
    found = sorted((float(use.get("x")), float(use.get("y"))) for use in uses)
    np.testing.assert_allclose(found, sorted(map(tuple, others)), atol=1e-4)


def test_discoveries_are_those_that_recommend_lists_and_lie_left_of_the_line(model):
    seen = user_plot(model, "u03")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".* lists are shorter than k=")
        listed = model.recommend("u03", 3, by="discover", min_p_like=0)["item_id"].to_list()
    assert [seen.items["item_id"][row] for row in seen.discoveries] == listed
    assert max(seen.items["p_consume"][row] for row in seen.discoveries) <= seen.boundary
    assert user_plot(model, "u03", novelty=8).items["p_consume"][8] == pytest.approx(
        user_plot(model, "u03", novelty=8).boundary
    )


def test_ids_and_titles_never_become_markup(evil):
    user = next(u for u in evil.interactions_.users.to_series() if u != "u")
    titles = {item: f"title {EVIL}" for item in evil.interactions_.items.to_series()}
    for names in ({}, titles):
        text = user_plot_svg(user_plot(evil, user, names))[0]
        assert "<script" not in text
        drawn = ElementTree.fromstring(text)
        assert not [node for node in drawn.iter() if node.tag.endswith("script")]


def test_the_picture_is_the_same_every_time_and_shows_dollar_signs(model):
    items = user_plot(model, "u03").items["item_id"]
    titles = dict(zip(items[:2], ("$100 to $5_0", "千と千尋"), strict=True))
    one, two = (user_plot_svg(user_plot(model, "u03", titles, k=10))[0] for _ in range(2))
    assert one == two
    assert not re.search(r"\d{4}-\d{2}-\d{2}T", one)
    assert all(title in one for title in titles.values())


def test_ten_thousand_items_make_a_small_file():
    n_items = 10_000
    rows = [(u, (u * 37 + n * 101) % n_items) for u in range(30) for n in range(40)]
    log = pl.DataFrame(rows, schema=["user_id", "item_id"], orient="row")
    rated = log.with_columns(rating=pl.col("item_id") % 5 + 1.0)
    missing = pl.DataFrame({"user_id": [99] * n_items, "item_id": range(n_items)})
    whole = pl.concat([rated, missing.with_columns(rating=pl.lit(None, dtype=pl.Float64))])
    small = {"n_steps": 2, "consume_reg_factors": (), "consume_size": 4, "rate_size": 4}
    seen = user_plot(Conv4Rec(**small).fit(whole), 3)
    assert seen.items.height > 9_900
    assert len(user_plot_svg(seen)[0]) < 200_000


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_one_command_draws_it(say, model_folder, tmp_path, suffix):
    out, any_like = tmp_path / f"ann.{suffix}", ("--min-p-like", "0")
    printed = say("plot", model_folder, "--user", "u03", "--out", out, *any_like, "-k", "2")
    assert printed.code == 0, printed.err
    assert "Drew 10 items and 2 discoveries of user u03" in printed.out
    head = {"svg": b"<svg ", "png": b"\x89PNG"}[suffix]
    assert out.read_bytes().startswith(head)
    answer = say("plot", model_folder, "--user", "u03", "--out", out, *any_like, "--json").json
    assert answer == {"out": str(out), "user": "u03", "items": 10, "discoveries": 3}


def test_a_newcomer_is_drawn_from_a_file(say, model_folder, tmp_path):
    (tmp_path / "new.csv").write_text("user_id,item_id,rating\nnew,i01,5\nnew,i02,4\n")
    out = tmp_path / "new.svg"
    assert say("plot", model_folder, "--history", tmp_path / "new.csv", "--out", out).code == 0
    assert "User new" in out.read_text()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["--user", "u03", "--out", "a.pdf"],
            "--out draws .svg, .png (explore writes a page); got 'a.pdf'",
        ),
        (["--user", "u03", "--out", "no/such/a.svg"], "there is no folder no/such"),
        (["--out", "a.svg"], "a picture is of one user"),
        (["--user", "u99", "--out", "a.svg"], "u99"),
        (
            ["--user", "u03", "--out", "a.svg", "--novelty", "top"],
            "novelty must be a probability between 0 and 1",
        ),
        (
            ["--user", "u03", "--out", "a.svg", "--confidence", "1"],
            "confidence must be a number from 0.5",
        ),
        (
            ["--user", "u03", "--out", "a.svg", "--min-p-like", "2"],
            "min_p_like must be a probability",
        ),
    ],
)
def test_mistakes_are_one_sentence(say, model_folder, words, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    printed = say("plot", model_folder, *words)
    assert printed.code == 2
    assert sentence in printed.sentence
    assert not list(tmp_path.iterdir())


def test_without_the_extra_a_picture_says_what_to_install(say, model_folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    printed = say("plot", model_folder, "--user", "u03", "--out", tmp_path / "a.png")
    assert printed.code == 2
    assert "pip install 'conv4rec[plots]'" in printed.sentence


def test_a_scale_of_one_level_is_drawn_too():
    log = pl.DataFrame({"user_id": [1, 1, 2], "item_id": [1, 2, 3]})
    seen = user_plot(Conv4Rec(n_steps=2, consume_reg_factors=()).fit(log), 2)
    ElementTree.fromstring(user_plot_svg(seen)[0])


def test_reasons_and_explanations_on_the_command_line(say, model, model_folder, tmp_path):
    pl.DataFrame({"item_id": ["i01"], "title": ["Dune"]}).write_csv(tmp_path / "t.csv")
    words = (
        "--user",
        "u03",
        "--by",
        "discover",
        "--reasons",
        "2",
        "--min-p-like",
        "0",
        "--novelty",
        "4",
    )
    printed = say("recommend", model_folder, *words, "-k", "2")
    assert printed.code == 0, printed.err
    assert "Because of, in order:" in printed.out
    rows = say("recommend", model_folder, *words, "-k", "2", "--json").json["recommendations"]
    assert {"reason_2", "consume_rank", "popularity_lift", "p_like_low"} <= rows[0].keys()
    item = rows[0]["item_id"]
    for by in ("like", "discover", "consume"):
        answer = say("explain", model_folder, "--user", "u03", "--item", item, "--by", by, "--json")
        expected = model.explain("u03", item, by=by)["contribution"].sum()
        assert answer.json["score"] == pytest.approx(expected, abs=1e-5)
        assert "each item of the history adds" in say(
            "explain", model_folder, "--user", "u03", "--item", item, "--by", by
        ).out  # fmt: skip
    assert "for a user" in say("explain", model_folder, "--item", item).sentence


def test_the_command_line_is_as_sure_as_the_library():
    from conv4rec.cli import options

    assert options.CONFIDENCE == CONFIDENCE
