"""The page of the house agrees with import-linter, and the glossary with itself."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "house.md").read_text(encoding="utf-8")


def test_every_room_is_on_the_page():
    package = ROOT / "src" / "conv4rec"
    rooms = {path.parent.name for path in package.glob("*/__init__.py")}
    table = PAGE.split("Arrows only go down")[0]
    assert set(re.findall(r"^\| \[`(\w+)/`\]", table, re.MULTILINE)) == rooms


def test_the_arrows_are_those_that_import_linter_checks():
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    contracts = linter["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    assert " -> ".join(layers).replace("conv4rec.", "") in PAGE


def test_the_rooms_without_torch_are_those_that_import_linter_checks():
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    contracts = linter["importlinter"]["contracts"]
    forbidden = next(each for each in contracts if each.get("forbidden_modules") == ["torch"])
    sentence = re.search(r"^(.*)never load torch", PAGE, re.MULTILINE)
    assert sentence
    named = set(re.findall(r"`(\w+)`", sentence[1])) | {"errors"}
    assert named == {name.removeprefix("conv4rec.") for name in forbidden["source_modules"]}


def test_the_glossary_defines_each_term_once():
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (?!term \||---)(.+?) \|", glossary, re.MULTILINE)
    terms = [term.strip(" `") for row in rows for term in row.split(",")]
    repeated = {term for term in terms if terms.count(term) > 1}
    # A column has the name of its term.
    assert repeated <= {"novelty", "confidence"}
    assert len(terms) > 80
