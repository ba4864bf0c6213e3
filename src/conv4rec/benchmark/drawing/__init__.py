"""Charts as SVG, written by hand: a few panels, log or plain axes, no library."""

from conv4rec.benchmark.drawing.shapes import COLOURS, Axes, Curve, Panel
from conv4rec.benchmark.drawing.svg import svg

__all__ = ["COLOURS", "Axes", "Curve", "Panel", "svg"]
