"""One person's answers as one file: the explorer's page with its parts and its data inside.

It opens without a server and fetches nothing. Ids and titles are untrusted text: they are in it as
JSON, in which no tag can begin or end, and the page never reads them as markup.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

from conv4rec.recommender.views import View

STATIC = Path(__file__).parent / "static"
IMPORT = re.compile(r'^import (?:\* as (\w+)|(\{[^}]*\})) from "\./(\w+\.js)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export ((?:async )?function|const) (\w+)", re.MULTILINE)


def saved_page(model: str, whom: str, views: Mapping[str, View]) -> str:
    """The page as text.

    Args:
        model: its name.
        whom: the id of the person, as text.
        views: "catalogue" and "person", the latter with every detail.
    """
    parts = ",".join(f"{json.dumps(name)}:{view.json()}" for name, view in views.items())
    answers = f'{{"models":{json.dumps([model])},"user":{json.dumps(whom)},"views":{{{parts}}}}}'
    style = _text("explorer.css")
    scripts = [_text("vendor/d3.min.js"), bundle()]
    policy = (
        f"default-src 'none'; style-src {_digest(style)}; img-src data:; base-uri 'none'; "
        f"form-action 'none'; script-src {' '.join(map(_digest, scripts))}"
    )
    page = re.sub(r"<(link|script)[^>]*(href|src)=.*\n", "", _text("index.html"))
    head = f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n<style>{style}</style>'
    # The policy stands before everything that it is for.
    page = page.replace('<meta charset="utf-8">', f'<meta charset="utf-8">\n{head}')
    data = f'<script type="application/json" id="answers">{_inert(answers)}</script>\n'
    code = "\n".join(f"<script>{script}</script>" for script in scripts)
    return page.replace("</body>", f"{data}{code}\n</body>")


def bundle() -> str:
    """The modules of the page as one script, each a function after those that it imports."""
    made: dict[str, str] = {}

    def add(name: str) -> None:
        if name in made:
            return
        text = _text(f"js/{name}")
        made[name] = ""  # seen
        for _, _, other in IMPORT.findall(text):
            add(other)
        exported = ", ".join(found for _, found in EXPORT.findall(text))
        text = EXPORT.sub(r"\1 \2", IMPORT.sub(r'const \1\2 = modules["\3"];\n', text))
        made.pop(name)  # to the end: after what it imports
        made[name] = f'modules["{name}"] = (() => {{\n{text}\nreturn {{ {exported} }};\n}})();'

    add("main.js")
    return '"use strict";\nconst modules = {};\n' + "\n".join(made.values())


def _text(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")


def _inert(text: str) -> str:
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _digest(text: str) -> str:
    """How a policy names a script or a style: by its SHA-256."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
