"""Names of dots hide neither each other nor the dots; panels share a scale only if asked to."""

import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Annotation

from conv4rec.benchmark.charts import Axes, Curve, Panel, figure, style, svg
from conv4rec.errors import MissingExtraError

PANELS = [Panel("a", [Curve("a", [(1, 9), (2, 15)])]), Panel("b", [Curve("b", [(1, 900)])])]
LINEAR = {"log_x": False, "log_y": False}


def named_boxes(points):
    """The boxes of the names of some dots, and the dots, in pixels."""
    names = [f"candidate-{number}" for number in range(len(points))]
    panel = Panel("crowd", [Curve("", points, dots=True, labels=names)])
    with style():
        drawn = figure([panel], Axes("x", "y", **LINEAR, width=400, height=300), "caption")
        (axes,) = drawn.axes
        renderer = FigureCanvasAgg(drawn).get_renderer()
        texts = [text for text in axes.texts if isinstance(text, Annotation)]
        boxes = {t.get_text(): t.get_window_extent(renderer) for t in texts if t.get_text()}
        return [boxes[name] for name in names], axes.transData.transform(points), axes.bbox


def test_names_of_a_crowd_overlap_neither_each_other_nor_the_dots(rng):
    points = [(float(x), float(y)) for x, y in rng.uniform((0.4, 0.4), (0.6, 0.6), (12, 2))]
    boxes, dots, edges = named_boxes([*points, (0.0, 0.0), (1.0, 1.0)])
    for number, box in enumerate(boxes):
        assert box.count_overlaps(boxes[:number]) == 0
        assert not any(box.contains(*dot) for dot in dots)
        assert edges.padded(13).count_contains(box.corners()) == 4


def test_a_dot_alone_has_its_name_right_beside_it_and_one_at_the_edge_left():
    (first, last), dots, _ = named_boxes([(0.0, 0.0), (1.0, 1.0)])
    assert first.x0 == pytest.approx(dots[0][0] + 6, abs=1)
    assert last.x1 == pytest.approx(dots[1][0] - 6, abs=1)


@pytest.mark.parametrize("shared", [True, False])
def test_panels_have_one_scale_only_if_they_share_it(shared):
    with style():
        drawn = figure(PANELS, Axes("x", "y", **LINEAR, shared=shared), "caption")
    (_, first), (_, second) = (axes.get_ylim() for axes in drawn.axes)
    assert (first == second) == shared
    assert second > 900


def test_every_point_and_band_is_inside_the_axes_and_linear_axes_start_at_zero():
    curve = Curve("a", [(3, 5), (4, 6)], band=[(3, 1, 8), (4, 2, 70)])
    with style():
        (axes,) = figure([Panel("a", [curve])], Axes("x", "y", **LINEAR), "caption").axes
        (free,) = figure(
            [Panel("a", [curve])], Axes("x", "y", **LINEAR, from_zero=False), "caption"
        ).axes
    assert (axes.get_xlim()[0], axes.get_ylim()[0]) == (0, 0)
    assert axes.get_ylim()[1] >= 70
    assert free.get_xlim()[0] > 2.5


def test_ticks_of_a_log_scale_are_plain_numbers():
    texts = list(ET.fromstring(svg([Panel("a", [Curve("a", [(1, 2), (1e7, 9)])])],
                                   Axes("x", "y"), "caption")).itertext())  # fmt: skip
    assert {"1k", "1M", "5"} <= set(texts)


def test_the_svg_is_the_same_every_time_and_has_one_legend_entry_a_name():
    one, two = (svg(PANELS * 2, Axes("x", "y"), "caption $1 < $2") for _ in range(2))
    assert one == two
    texts = list(ET.fromstring(one).itertext())
    assert "caption $1 < $2" in texts
    assert texts.count("a") == 3  # two titles, one entry of the legend
    assert np.count_nonzero(["metadata" in line for line in one.splitlines()]) == 0


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'conv4rec\[plots\]'"):
        svg(PANELS, Axes("x", "y"), "caption")
