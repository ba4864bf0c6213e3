"""Does the README show what quickstart prints? `python docs/check_quickstart.py PRINTED.txt`.

Words must be the same. Figures of the table may differ by 0.02, as they do between processors;
lists may differ, since close scores change places.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
METRIC = re.compile(r"^(\S+ [↑↓])((?:\s+(?:[\d.]+|-)(?=\s))+)\s{2,}(.+)$")
TOLERANCE = 0.02


def metrics(text: str) -> dict[str, tuple[list[float], str]]:
    """Name of each metric -> its figures and its meaning."""
    found = (METRIC.match(line.strip()) for line in text.splitlines())
    return {m[1]: ([float(x) for x in re.findall(r"\d+\.\d+", m[2])], m[3]) for m in found if m}


def headings(text: str) -> list[str]:
    """Lines that are the same for every model of this log: no figures, rules or commands."""
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if re.fullmatch(r"[A-Za-z][^\d]*:", line)]


def differences(shown: str, printed: str) -> list[str]:
    """One sentence for each difference between the README's block and what was printed."""
    found = [f"not printed: {line!r}" for line in headings(shown) if line not in headings(printed)]
    new = metrics(printed)
    for name, (figures, meaning) in metrics(shown).items():
        if name not in new or new[name][1] != meaning or len(new[name][0]) != len(figures):
            found.append(f"{name}: {new.get(name, 'not printed')}")
        elif max(abs(a - b) for a, b in zip(figures, new[name][0], strict=True)) > TOLERANCE:
            found.append(f"{name}: the README has {figures}, quickstart printed {new[name][0]}")
    return found


if __name__ == "__main__":
    block = README.read_text(encoding="utf-8").split("<!-- quickstart -->")[1]
    shown = block.split("<!-- /quickstart -->")[0]
    if not metrics(shown) or not headings(shown):
        sys.exit("README.md has no figures between the quickstart markers")
    if found := differences(shown, Path(sys.argv[1]).read_text(encoding="utf-8")):
        sys.exit("README.md does not show what quickstart prints:\n" + "\n".join(found))
