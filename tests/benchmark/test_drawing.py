"""Names of dots hide neither each other nor the dots, and scales hold their values."""

import xml.etree.ElementTree as ET

import numpy as np

from conv4rec.benchmark.drawing import Axes, Curve, Panel, svg
from conv4rec.benchmark.drawing.labels import LETTER, LINE, placed
from conv4rec.benchmark.drawing.scales import log_scale, plain_scale

EDGES = (0, 0, 400, 300)


def test_names_of_a_crowd_do_not_overlap(rng):
    dots = [(float(x), float(y)) for x, y in rng.uniform((150, 100), (250, 200), (12, 2))]
    spots = placed(["some-rival"] * 12, dots, EDGES)
    starts = [s.x - {"start": 0, "middle": 5, "end": 10}[s.anchor] * LETTER for s in spots]
    boxes = np.array(
        [(x, s.y - LINE, x + 10 * LETTER, s.y) for x, s in zip(starts, spots, strict=True)]
    )
    assert (boxes[:, :2] >= -LINE).all()
    assert (boxes[:, 2] <= 400).all()
    for one in range(12):
        for other in range(one):
            a, b = boxes[one], boxes[other]
            apart = a[0] >= b[2] or b[0] >= a[2] or a[1] >= b[3] - 0.1 or b[1] >= a[3] - 0.1
            assert apart


def test_a_dot_alone_has_its_name_right_beside_it():
    (spot,) = placed(["one"], [(100.0, 100.0)], EDGES)
    assert not spot.is_far
    (left,) = placed(["one"], [(395.0, 100.0)], EDGES)
    assert left.x < 395
    assert left.anchor == "end"


def test_scales_reach_from_edge_to_edge():
    for scale in (log_scale([0.01, 50], 44, 294), plain_scale([0.8, 1.1], 44, 294, False)):
        assert all(44 <= scale.at(tick) <= 294 for tick in scale.ticks)
        assert 2 <= len(scale.ticks) <= 9
    assert plain_scale([0.5, 0.9], 0, 100, True).at(0.0) == 0
    assert np.isfinite(plain_scale([0.5, 0.5], 0, 100, False).at(0.5))


def test_panels_have_one_scale_only_if_they_share_it():
    panels = [Panel("a", [Curve("a", [(1, 9), (2, 15)])]), Panel("b", [Curve("b", [(1, 900)])])]
    own, shared = (
        svg(panels, Axes("x", "y", log_x=False, log_y=False, shared=shared), "caption")
        for shared in (False, True)
    )
    assert ">14<" in own
    assert ">14<" not in shared
    assert ET.fromstring(own).tag.endswith("svg")
