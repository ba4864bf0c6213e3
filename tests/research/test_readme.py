"""Every `python -m research...` command in the docs exists, with the options it is given."""

import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "research" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS = sorted({
    re.split(r"\s{2,}|`", line)[0]
    for page in PAGES
    for line in re.findall(r"python -m research\.[^`\n]+", page.read_text(encoding="utf-8"))
})  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_exists_with_its_options(command, run):
    module, *words = command.removeprefix("python -m ").split()
    if module == "research.benchmark.new_users":
        assert callable(import_module(module).main)
        return
    job = [word for word in words[:1] if not word.startswith("-")]  # none where there is one job
    printed = run(module.removeprefix("research."), *job, "--help")
    assert printed.code == 0, printed.err
    for option in [word for word in words if word.startswith("--")]:
        assert re.search(rf"{option}\b", printed.out), f"{command}: no {option}"


def test_the_readme_names_every_folder_and_links_to_pages_that_exist():
    text = PAGES[0].read_text(encoding="utf-8")
    folders = {path.parent.name for path in (ROOT / "research").glob("*/__init__.py")}
    assert folders == set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
    for page in PAGES[:1] + [p for p in PAGES if p.parent.name == "theory"]:
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), (page.name, link)
