"""The page /docs: every route with its fields, answers and a call to copy, without a script."""

from __future__ import annotations

import json
import re
from html import escape
from typing import Any

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem;
  color-scheme: light dark; }
h2 { margin-top: 2.5rem; } code, pre { font: 0.9rem/1.5 ui-monospace, monospace; }
pre { overflow-x: auto; padding: 0.75rem; border: 1px solid; border-radius: 4px; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 0.25rem 0.75rem 0.25rem 0; }
td { border-top: 1px solid color-mix(in srgb, currentcolor 25%, transparent); }
"""


def docs_page(openapi: dict[str, Any], place: str, model: str) -> str:
    """The reference as one page of HTML.

    Args:
        openapi: the OpenAPI document of the application.
        place: the address that the calls to copy begin with.
        model: the name in them.
    """
    routes = [
        _route(path, method, route, openapi, place + path.replace("{name}", model))
        for path, methods in openapi["paths"].items()
        for method, route in methods.items()
    ]
    info = openapi["info"]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>conv4rec: how to ask'
        '</title><meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="stylesheet" href="/docs/page.css"></head><body>'
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>"
        f"<p>{escape(info['description'])} For programs: "
        '<a href="/openapi.json">openapi.json</a>.</p>' + "".join(routes) + "</body></html>"
    )


def _route(
    path: str, method: str, route: dict[str, Any], openapi: dict[str, Any], address: str
) -> str:
    paragraphs = [f"<p>{_prose(text)}</p>" for text in route.get("description", "").split("\n\n")]
    form = _schema(route.get("requestBody"), openapi)
    answers = "".join(
        f"<tr><td>{code}</td><td>{_prose(answer['description'])}</td></tr>"
        for code, answer in route["responses"].items()
    )
    return (
        f"<h2>{escape(route['summary'])}</h2><p><code>{method.upper()} {escape(path)}</code></p>"
        + "".join(paragraphs)
        + (_fields(form) if form else "")
        + "".join(f"<pre>{escape(call)}</pre>" for call in _calls(address, form, route))
        + f"<table><tr><th>Status</th><th>Meaning</th></tr>{answers}</table>"
    )


def _fields(form: dict[str, Any]) -> str:
    rows = [
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(_type(field))}</td>"
        f"<td>{escape(_default(field))}</td><td>{_prose(field.get('description', ''))}</td></tr>"
        for name, field in form["properties"].items()
    ]
    head = "<tr><th>Field</th><th>Type</th><th>Default</th><th>Meaning</th></tr>"
    return f"<table>{head}{''.join(rows)}</table>"


def _calls(address: str, form: dict[str, Any] | None, route: dict[str, Any]) -> list[str]:
    key = " \\\n  -H 'X-API-Key: <key>'" if "security" in route else ""
    if form is None:
        return [f"curl {address}{key}"]
    return [
        f"curl {address}{key} \\\n  -H 'Content-Type: application/json' \\\n"
        f"  -d '{json.dumps(example)}'"
        for example in form.get("examples", [])
    ]


def _type(field: dict[str, Any]) -> str:
    if "enum" in field:
        return " | ".join(map(str, field["enum"]))
    if "anyOf" in field:
        return " | ".join(dict.fromkeys(_type(choice) for choice in field["anyOf"]))
    if "const" in field:
        return str(field["const"])
    return field.get("type", field.get("$ref", "").rpartition("/")[2])


def _default(field: dict[str, Any]) -> str:
    return "" if field.get("default") is None else json.dumps(field["default"])


def _prose(text: str) -> str:
    """A text with its `names` as code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


def _schema(body: dict[str, Any] | None, openapi: dict[str, Any]) -> dict[str, Any] | None:
    if body is None:
        return None
    name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    return openapi["components"]["schemas"][name]
