"""An HTML page with the picture of one user and what the model knows of the dot under the pointer.

Nothing is fetched: the picture, its data and thirty lines of script are in the file. Ids and titles
are untrusted text: they reach the page as escaped text or as JSON, never as markup.
"""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from conv4rec.benchmark.charts import style
from conv4rec.cli.user_plot import UserPlot
from conv4rec.cli.user_plot_picture import WIDE, percent, user_plot_svg, write_png
from conv4rec.errors import DataError, SettingError

SUFFIXES = (".html", ".svg", ".png")

STYLE = """
body{font:14px sans-serif;margin:16px;color:#222}
#picture{position:relative;max-width:960px}
#picture svg{width:100%;height:auto}
#tip{position:absolute;display:none;background:#fff;border:1px solid #888;padding:6px 9px;
max-width:320px;pointer-events:none;box-shadow:0 1px 4px #0003;white-space:pre-line}
table{border-collapse:collapse;margin:6px 0 18px}
th,td{text-align:left;padding:2px 14px 2px 0;border-bottom:1px solid #ddd}
td.n,th.n{text-align:right}
"""

SCRIPT = """
const d=JSON.parse(document.getElementById('data').textContent),
box=document.getElementById('picture'),tip=document.getElementById('tip'),
pic=box.querySelector('svg');
box.addEventListener('pointermove',e=>{
 const r=pic.getBoundingClientRect(),f=WIDE/r.width,x=(e.clientX-r.left)*f,y=(e.clientY-r.top)*f;
 let best=-1,near=144;
 for(let i=0;i<d.x.length;i++){
  const a=d.x[i]-x,b=d.y[i]-y,m=a*a+b*b-(d.marked.includes(i)?30:0);
  if(m<near){near=m;best=i}
 }
 if(best<0){tip.style.display='none';return}
 const why=d.why[best].map(i=>d.history[i]);
 tip.textContent=d.name[best]+(d.name[best]===String(d.id[best])?'':'\\n('+d.id[best]+')')+
  '\\nP(consume) '+d.consume[best]+', place '+(best+1)+
  '\\nP(like) '+d.like[best]+' ('+d.low[best]+' to '+d.high[best]+')'+
  (why.length?'\\nBecause of '+why.join('; '):'');
 tip.style.display='block';
 const left=(e.clientX-r.left)+14;
 tip.style.left=(left+330>r.width?Math.max(0,left-348):left)+'px';
 tip.style.top=(e.clientY-r.top+14)+'px';
});
box.addEventListener('pointerleave',()=>{tip.style.display='none'});
"""


def write_user_plot(user_plot: UserPlot, out: str) -> None:
    """Write the page, or the picture alone, by the ending of the file's name.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    target = Path(out)
    suffix = target.suffix.lower()
    if suffix == ".html":
        target.write_text(page(user_plot), encoding="utf-8")
    elif suffix == ".svg":
        target.write_text(user_plot_svg(user_plot)[0], encoding="utf-8")
    else:
        write_png(user_plot, target)


def check_picture(out: str) -> None:
    """Raise unless a picture can be written there: asked before the work, not after.

    Raises:
        SettingError: The name ends in none of .html, .svg and .png.
        DataError: It is a folder, or the folder it belongs in is missing.
        MissingExtraError: matplotlib is not installed.
    """
    target = Path(out)
    if target.suffix.lower() not in SUFFIXES:
        raise SettingError(f"--out draws {', '.join(SUFFIXES)}; got {target.name!r}")
    if target.is_dir():
        raise DataError(f"{out} is a folder: give the path of a file to write")
    if not target.absolute().parent.is_dir():
        raise DataError(f"there is no folder {target.parent} to write {target.name} in")
    with style():
        pass


def page(user_plot: UserPlot) -> str:
    """The page as text."""
    title = escape(f"conv4rec: user {user_plot.user}")
    picture, dots = user_plot_svg(user_plot)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
        f"<style>{STYLE}</style></head><body>\n"
        f'<div id="picture">{picture}<div id="tip"></div></div>\n'
        f"{_table(user_plot, 'Discoveries', user_plot.discoveries)}"
        f"{_table(user_plot, 'Likeliest to be consumed', user_plot.likely)}"
        f'<script type="application/json" id="data">{_data(user_plot, dots)}</script>\n'
        f"<script>{SCRIPT.replace('WIDE', str(WIDE))}</script>\n</body></html>\n"
    )


def _data(user_plot: UserPlot, dots: np.ndarray) -> str:
    """What the page knows of every dot, as JSON in which no tag can begin or end."""
    rows = list(user_plot.items.iter_rows(named=True))
    history: dict[Any, int] = {}
    for row in rows:
        for id in user_plot.reasons(row):
            history.setdefault(id, len(history))
    data = {
        "x": dots[:, 0].round(1).tolist(),
        "y": dots[:, 1].round(1).tolist(),
        "id": [str(row["item_id"]) for row in rows],
        "name": [user_plot.name(row["item_id"]) for row in rows],
        "consume": [percent(row["p_consume"]) for row in rows],
        "like": [percent(row["p_like"]) for row in rows],
        "low": [_known(row["p_like_low"]) for row in rows],
        "high": [_known(row["p_like_high"]) for row in rows],
        "why": [[history[id] for id in user_plot.reasons(row)] for row in rows],
        "history": [user_plot.name(id) for id in history],
        "marked": [*user_plot.discoveries, *user_plot.likely],
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _known(probability: float | None) -> str:
    """A probability as text; a model without draws does not know the ends of its intervals."""
    return "?" if probability is None else percent(probability)


def _table(user_plot: UserPlot, title: str, rows: list[int]) -> str:
    """The marked items as a table, which screen readers can read."""
    if not rows:
        return ""
    heads = ("", "P(consume)", "place", "P(like)", "90% interval", "because of")
    lines = ["".join(f"<th>{head}</th>" for head in heads)]
    for row in rows:
        facts = user_plot.items.row(row, named=True)
        because = "; ".join(user_plot.name(id) for id in user_plot.reasons(facts))
        span = f"{_known(facts['p_like_low'])} to {_known(facts['p_like_high'])}"
        cells = (
            user_plot.name(facts["item_id"]), percent(facts["p_consume"]),
            f"{facts['consume_rank']:,}", percent(facts["p_like"]), span, because,
        )  # fmt: skip
        lines.append("".join(f"<td>{escape(cell)}</td>" for cell in cells))
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<h2>{escape(title)}</h2>\n<table>{body}</table>\n"
