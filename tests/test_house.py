"""Style, types and layers are checked by their tools; imports load what they need and no more."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))


def run(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize(
    "words",
    [
        "ruff check .",
        "ruff format --check .",
        "basedpyright",
        "lint-imports --no-cache",
    ],
)
def test_the_tools_have_nothing_to_say(words):
    tool, *rest = words.split()
    found = shutil.which(tool, path=str(Path(sys.executable).parent)) or shutil.which(tool)
    if found is None:
        pytest.skip(f"{tool} is not installed: pip install 'conv4rec[test]' brings it")
    said = run(found, *rest)
    assert said.returncode == 0, said.stdout + said.stderr


@pytest.mark.parametrize(
    "code",
    [
        "import conv4rec",
        "import conv4rec.data, conv4rec.evaluate",
        "from conv4rec.cli import main; main.run(['--help'])",
        "from conv4rec.cli import main; main.run(['fit', '--help'])",
        "from conv4rec.cli import main; main.run(['recommend', 'no-such-folder'])",
    ],
)
def test_torch_is_not_loaded_before_it_is_needed(code):
    loaded = run(sys.executable, "-c", f"{code}\nimport sys; print('torch' in sys.modules)")
    assert loaded.stdout.splitlines()[-1] == "False", loaded.stderr


@pytest.mark.parametrize(
    "code",
    ["import conv4rec", "from conv4rec.cli import main; main.run(['--help'])"],
)
def test_the_package_and_the_help_load_no_numerical_library(code):
    heavy = ("torch", "numpy", "scipy", "polars", "pydantic", "safetensors", "matplotlib")
    code += f"\nimport sys, json; print(json.dumps([m for m in {heavy} if m in sys.modules]))"
    said = run(sys.executable, "-c", code)
    assert json.loads(said.stdout.splitlines()[-1]) == [], said.stderr


def test_nothing_can_unpickle():
    unsafe = re.compile(r"\bimport (pickle|joblib|dill|shelve|marshal)\b|torch\.(load|save)\(")
    for path in SOURCES:
        assert not unsafe.search(path.read_text(encoding="utf-8")), path


def test_print_is_left_to_the_command_line():
    for path in SOURCES:
        if "cli" not in path.parts:
            statements = re.findall(r"^\s*print\(", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert not statements, path


def test_every_file_has_a_docstring():
    for path in SOURCES:
        first = path.read_text(encoding="utf-8").split("\n", 1)[0]
        if path.name != "_version.py":
            assert first.startswith('"""'), path


def test_every_public_name_can_be_imported():
    spec = importlib.util.find_spec("conv4rec")
    assert spec is not None
    import conv4rec

    for name in conv4rec.__all__:
        assert getattr(conv4rec, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'magic'"):
        conv4rec.magic  # noqa: B018
