"""The docs describe the program as it is: every command, option, setting and example."""

import re
import runpy
import subprocess
import tomllib
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from conv4rec.model.config import NetworkSettings
from conv4rec.train import TrainSettings

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
RUN_IT = "run `python docs/make.py`"


@pytest.fixture(scope="module")
def make():
    return runpy.run_path(str(ROOT / "docs" / "make.py"))


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def test_the_page_of_settings_is_current_and_complete(make):
    page = (ROOT / "docs" / "guides" / "names.md").read_text(encoding="utf-8")
    assert page == make["names_page"](), RUN_IT
    for config in (NetworkSettings, TrainSettings):
        for name in config.model_fields:
            line = re.search(rf"\| `{name}` \|.*\| (.+) \|", page)
            assert line, f"{name} is not in names.md"
            assert len(line[1]) > 10, f"{name} has no docstring"


def test_the_page_of_commands_is_current(make):
    pinned = dict(re.findall(r"^([\w-]+)==(.+)$", (ROOT / "constraints.txt").read_text(), re.M))
    if version("typer") != pinned["typer"]:
        pytest.skip("another typer than the pinned one lays out --help in another way")
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert page == make["cli_page"](), RUN_IT


def test_the_pages_of_the_bench_say_what_its_records_say(make):
    docs = ROOT / "docs"
    for page in (docs / "bench" / "README.md", docs / "discovery.md", ROOT / "README.md"):
        assert page.read_text(encoding="utf-8") == make["PAGES"][page](), RUN_IT


def test_every_command_has_an_example(make):
    for command in make["COMMANDS"]:
        if command not in ("", "data", "theory"):
            assert f"Example:\n    conv4rec {command}" in make["help_of"](command)


def test_every_command_in_the_docs_is_understood(say):
    """Each line `conv4rec COMMAND ... --option` names a command and options that exist."""
    seen = 0
    for page in PAGES:
        if page.name == "cli.md":
            continue
        examples = "\n".join(blocks(page, "sh") + blocks(page, "text"))
        for line in re.findall(r"^conv4rec .+$", examples, re.MULTILINE):
            words = re.split(r"\s{2,}", line)[0].split()[1:]
            command = words[:2] if words[0] in ("data", "theory") else words[:1]
            told = say(*command, "--help")
            assert told.code == 0, line
            for option in [word for word in words if word.startswith("-")]:
                assert re.search(rf"{option}\b", told.out), f"{line}: no {option}"
            seen += 1
    assert seen > 15


def test_the_readme_opens_with_the_two_commands_that_ci_runs():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    commands = [block.strip() for block in blocks(ROOT / "README.md", "sh")[:2]]
    assert commands == [
        "pip install -c constraints.txt '.[demo]' && conv4rec quickstart",
        "pip install -c constraints.txt -e '.[test]' && pytest",
    ]
    for command in commands:
        assert f'"{command}"' in script
    assert len(re.findall("^pip install -c constraints.txt", readme, re.MULTILINE)) == 2


def test_ci_refuses_a_readme_that_says_something_else(tmp_path):
    (tmp_path / ".ci").mkdir()
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (tmp_path / ".ci" / "run").write_text(script, encoding="utf-8")
    (tmp_path / "README.md").write_text("pip install -c constraints.txt . && conv4rec\n")
    said = subprocess.run(["bash", tmp_path / ".ci" / "run"], capture_output=True, text=True)
    assert said.returncode == 1
    assert "README.md says" in said.stderr


def test_the_constraints_pin_every_direct_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    pinned = set(re.findall(r"^([\w-]+)==", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    for wanted in [*project["dependencies"], *extras["demo"], *extras["test"], *extras["tune"]]:
        assert re.match(r"[\w-]+", wanted)[0] in pinned


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_examples_run(page, tmp_path, monkeypatch, small):
    """On a small log, and with small settings where the example leaves the default."""
    rng = np.random.default_rng(0)
    films = ["dune", "alien", "heat", *(f"film {number}" for number in range(27))]
    rows = [
        (who, what) for who in ("ann", "bob", "cyd", "dan") for what in rng.choice(films, 9, False)
    ]
    log = pl.DataFrame(
        rows + [("eve", what) for what in films[:12]], ["user_id", "item_id"], orient="row"
    )
    liking = [0.05, 0.1, 0.1, 0.35, 0.4]  # as real ratings are: most people like most of it
    ratings = np.r_[1.0 + rng.choice(5, log.height - 1, p=liking), 1.0]  # the whole scale occurs
    log.with_columns(rating=ratings).write_csv(tmp_path / "ratings.csv")
    monkeypatch.chdir(tmp_path)
    words = ", ".join(f"{name}={value}" for name, value in small.items())
    for example in blocks(page, "python"):
        # Named data sets may be absent: the one in the installed package stands in for them.
        quick = example.replace("Conv4Rec(seed=0)", "Conv4Rec()")
        quick = quick.replace('split_by_name("ml-100k/', 'split_by_name("movielens-2016/')
        with warnings.catch_warnings():  # of 30 films few are discoveries: the list says so
            warnings.filterwarnings("ignore", message=r".* lists are shorter than k=")
            exec(compile(quick.replace("Conv4Rec()", f"Conv4Rec({words})"), page.name, "exec"), {})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
