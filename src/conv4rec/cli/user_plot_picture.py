"""The picture of one person: every item a dot at P(consume) and P(like), as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from conv4rec.benchmark.drawing import COLOURS
from conv4rec.benchmark.drawing.labels import placed
from conv4rec.benchmark.drawing.scales import Scale
from conv4rec.cli.user_plot import UserPlot

WIDE, HIGH = 960, 600
LEFT, RIGHT, TOP, BOTTOM = 62, 936, 78, 540
PICK, FIND, CLOUD = COLOURS[0], COLOURS[1], "#8a8a8a"
FONTS = "Helvetica, Arial, DejaVu Sans, Liberation Sans, Noto Sans, sans-serif"
LONGEST = 30  # characters of a name in the picture


def places(user_plot: UserPlot) -> list[tuple[float, float]]:
    """Where each item's dot is, in pixels."""
    x_of = _log_axis(user_plot)
    rows = user_plot.items.select("p_consume", "p_like").iter_rows()
    return [(x_of.at(max(p, 1e-12)), _height(like)) for p, like in rows]


def user_plot_svg(user_plot: UserPlot) -> str:
    """Draw it: a cloud in grey, picks and finds in colour and named, a whisker for their doubt."""
    dots = places(user_plot)
    marked = {*user_plot.picks, *user_plot.criteria}
    cloud = "".join(f"M{x:.1f} {y:.1f}h0" for i, (x, y) in enumerate(dots) if i not in marked)
    size, clear = (4, 0.55) if len(dots) < 3000 else (2.6, 0.45)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {HIGH}" width="{WIDE}" '
            f'height="{HIGH}" font-family="{FONTS}" font-size="12" role="img">',
            f"<title>{escape(_heading(user_plot))}</title>",
            f'<rect width="{WIDE}" height="{HIGH}" fill="white"/>',
            *_frame(user_plot),
            f'<path d="{cloud}" fill="none" stroke="{CLOUD}" stroke-width="{size}" '
            f'stroke-linecap="round" stroke-opacity="{clear}"/>',
            *_marks(user_plot, dots, user_plot.picks, PICK),
            *_marks(user_plot, dots, user_plot.criteria, FIND),
            *_names(user_plot, dots),
            "</svg>",
        ]
    )


def short(text: str, most: int = LONGEST) -> str:
    """A text cut to a length, with an ellipsis.

    >>> short("Nausicaä of the Valley of the Wind", 12)
    'Nausicaä of…'
    """
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def percent(probability: float) -> str:
    """A chance with as many digits as count.

    >>> percent(0.5), percent(0.00012)
    ('50%', '0.012%')
    """
    return f"{float(f'{100 * probability:.2g}'):.10f}".rstrip("0").rstrip(".") + "%"


def _heading(user_plot: UserPlot) -> str:
    return f"User {short(str(user_plot.user))}: what they would pick, and what they would like"


def _log_axis(user_plot: UserPlot) -> Scale:
    """P(consume) on a log axis; all equal chances stand in the middle."""
    probabilities = user_plot.items["p_consume"].clip(1e-12)
    low, high = math.log10(float(probabilities.min())), math.log10(float(probabilities.max()))  # pyright: ignore[reportArgumentType]
    room = 0.04 * (high - low) + 0.05
    low, high = low - room, high + room
    powers = range(math.ceil(low), math.floor(high) + 1)
    leading = (1, 2, 5) if len(powers) < 3 else (1,)
    ticks = [m * 10.0**p for p in range(math.floor(low), math.ceil(high) + 1) for m in leading]
    ticks = [tick for tick in ticks if low <= math.log10(tick) <= high]
    scale = (RIGHT - LEFT) / (high - low)
    return Scale(lambda value: LEFT + (math.log10(value) - low) * scale, tuple(ticks))


def _height(like: float) -> float:
    return BOTTOM - (BOTTOM - TOP) * float(like)


def _frame(user_plot: UserPlot) -> list[str]:
    x_of = _log_axis(user_plot)
    parts = [
        f'<text x="{LEFT}" y="24" font-size="16" font-weight="bold">'
        f"{escape(_heading(user_plot))}</text>",
        f'<path d="M{LEFT} {TOP}V{BOTTOM}H{RIGHT}" fill="none" stroke="#888"/>',
        f'<text x="{(LEFT + RIGHT) / 2}" y="{BOTTOM + 40}" text-anchor="middle">'
        "P(pick): chance to be the next item picked (log scale)</text>",
        f'<text transform="translate(16,{(TOP + BOTTOM) / 2}) rotate(-90)" text-anchor="middle">'
        f"P(like): chance of {escape(user_plot.like)} or more, if picked</text>",
    ]
    for tick in x_of.ticks:
        x = x_of.at(tick)
        parts.append(f'<path d="M{x:.1f} {TOP}V{BOTTOM + 4}" stroke="#eee"/>')
        parts.append(
            f'<text x="{x:.1f}" y="{BOTTOM + 19}" text-anchor="middle">{percent(tick)}</text>'
        )
    for tick in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        y = _height(tick)
        parts.append(f'<path d="M{LEFT - 4} {y:.1f}H{RIGHT}" stroke="#eee"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:.0%}</text>')
    edge = x_of.at(max(user_plot.boundary, 1e-12))
    parts.append(f'<path d="M{edge:.1f} {TOP}V{BOTTOM}" stroke="#555" stroke-dasharray="3 4"/>')
    if user_plot.asked.min_p_like is not None:
        y = _height(user_plot.asked.min_p_like)
        line = f'<path d="M{LEFT} {y:.1f}H{edge:.1f}" stroke="#555" stroke-dasharray="3 4"/>'
        parts.append(line)
    return [*parts, *_legend(edge)]


def _legend(edge: float) -> list[str]:
    entries = ((PICK, "likeliest picks"), (FIND, "finds"), (CLOUD, "other items"))
    parts, x = [], LEFT + 4
    for colour, name in entries:
        parts.append(f'<circle cx="{x}" cy="45" r="4.5" fill="{colour}"/>')
        parts.append(f'<text x="{x + 10}" y="49">{name}</text>')
        x += 36 + round(6.6 * len(name))
    parts.append(f'<path d="M{x - 6} 45h16" stroke="{FIND}" stroke-opacity=".5"/>')
    parts.append(f'<text x="{x + 16}" y="49">90% interval of P(like)</text>')
    side = "end" if edge > (LEFT + RIGHT) / 2 else "start"
    words = "◀ hardly picked" if side == "end" else "left of this line: hardly picked"
    away = -6 if side == "end" else 6
    parts.append(
        f'<text x="{edge + away:.1f}" y="{TOP - 6}" text-anchor="{side}" fill="#555">{words}</text>'
    )
    return parts


def _marks(
    user_plot: UserPlot, dots: Sequence[tuple[float, float]], rows: Sequence[int], colour: str
) -> list[str]:
    lows, highs = user_plot.items["p_like_low"], user_plot.items["p_like_high"]
    whiskers = "".join(
        f"M{dots[row][0]:.1f} {_height(lows[row]):.1f}V{_height(highs[row]):.1f}"
        for row in rows
        if lows[row] is not None  # a model without draws does not say
    )
    parts = [f'<path d="{whiskers}" fill="none" stroke="{colour}" stroke-opacity=".4"/>']
    return parts + [
        f'<circle cx="{dots[row][0]:.1f}" cy="{dots[row][1]:.1f}" r="4.5" fill="{colour}" '
        'stroke="white"/>'
        for row in rows
    ]


def _names(user_plot: UserPlot, dots: Sequence[tuple[float, float]]) -> list[str]:
    """Names on a white rim, each where it covers no other name or marked dot."""
    rows = [*user_plot.criteria, *user_plot.picks]
    ids = user_plot.items["item_id"]
    names = [short(user_plot.name(ids[row])) for row in rows]
    spots = placed(names, [dots[row] for row in rows], (LEFT + 2, TOP - 2, RIGHT + 20, BOTTOM - 2))
    lines, texts = [], []
    for number, (name, row, spot) in enumerate(zip(names, rows, spots, strict=True)):
        colour = FIND if number < len(user_plot.criteria) else PICK
        x, y = dots[row]
        if spot.is_far:
            lines.append(
                f'<path d="M{x:.1f} {y:.1f}L{spot.to[0]:.1f} {spot.to[1]:.1f}" stroke="{colour}" '
                'stroke-width=".7"/>'
            )
        texts.append(
            f'<text x="{spot.x:.1f}" y="{spot.y:.1f}" text-anchor="{spot.anchor}" '
            f'fill="{colour}" font-size="11" stroke="white" stroke-width="3" '
            f'paint-order="stroke">{escape(name)}</text>'
        )
    return lines + texts
