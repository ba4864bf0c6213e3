"""The pictures of bounds and certificates are of the numbers that the commands print."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from conv4rec.recommender.guarantees.bounds import SMOOTHING, all_bounds
from conv4rec.recommender.guarantees.certify import certify_model
from conv4rec.recommender.guarantees.network_norms import network_norms
from conv4rec.theory import log_log_slope
from research.theory.sample_size import (
    bound_curves,
    bound_picture,
    certificate_picture,
)


def test_the_curves_start_at_the_bounds_and_fall(trained):
    found = bound_curves(replace(network_norms(trained), smoothing=SMOOTHING), 120)
    named = {line.name: line.value for line in all_bounds(trained)}
    for name, points in found.items():
        full = name.replace("kernel", "kernel counted")
        assert points[0] == (120.0, pytest.approx(named[f"consume: {full}, smoothed"]))
        values = [value for _, value in points]
        assert values == sorted(values, reverse=True)
    sizes, values = np.array(found["parameter count, kernel once"]).T
    assert log_log_slope(sizes, values).slope == pytest.approx(-0.5, abs=0.08)


def test_the_certificates_end_where_the_promise_is(trained, new_users, monkeypatch):
    from conv4rec.recommender.guarantees import sample_size as more_users

    seen = []
    monkeypatch.setattr(more_users, "svg", lambda panels, *_, **__: seen.extend(panels) or "")
    certificate_picture(trained, new_users, k=5, seed=2)
    guarantees = {p.name: p for p in certify_model(trained, new_users, k=5, seed=2)}
    assert seen[0].title == "1 - recall@5"
    for panel, guarantee in zip(seen, guarantees.values(), strict=True):
        for curve in panel.curves:
            size, value = curve.points[-1]
            assert size == 120
            assert value == pytest.approx(guarantee.certificates[curve.name].upper)


def test_a_model_of_one_level_is_drawn_for_items_alone(mixed):
    from conv4rec import Conv4Rec

    frame = mixed.to_frame().with_columns(rating=1.0)
    model = Conv4Rec(n_steps=3, consume_size=8, rate_size=4, consume_reg_factors=(1.0,)).fit(frame)
    words = " ".join(ET.fromstring(bound_picture(model)).itertext())
    assert "consume" in words
    assert "rating" not in words
