"""Ranks of what was learned are those of the maps themselves, and depth alone makes them low."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from conv4rec.bench.theory.charts import emergence_picture
from conv4rec.bench.theory.emergence import TRUE_RANK, emergence
from conv4rec.bench.theory.spectra import model_spectra, spectra_facts


def test_the_spectrum_of_the_logit_map_is_that_of_the_dense_product(fitted_model):
    network = fitted_model.scoring_.network
    out = network.consume_out.double().numpy()
    dense = network.consume_in[0].double().numpy() @ (out - out.mean(axis=0)).T
    values = np.linalg.svd(dense, compute_uv=False)
    found = model_spectra(fitted_model)["logit map"]
    np.testing.assert_allclose(found.values, values[: len(found.values)], atol=1e-9)
    assert found.stable_rank == pytest.approx((values**2).sum() / values[0] ** 2)


def test_facts_name_every_map_and_no_rank_beats_the_latent_size(fitted_model):
    facts = {row["map"]: row for row in spectra_facts(model_spectra(fitted_model))}
    assert len(facts) == 6
    for name, size in (("logit map", 16), ("rating map", 8)):
        row = facts[name]
        assert 1 <= row["stable_rank"] <= row["rank"] <= size
        assert 1 <= row["entropy_rank"] <= row["rank"]
        assert len(row["singular_values"]) >= row["rank"]


def test_low_rank_emerges_with_depth():
    found = emergence(depths=(1, 2, 3), steps=700)
    ranks = [run.best.entropy_rank for run in found.runs]
    assert ranks == sorted(ranks, reverse=True)
    assert ranks[0] > 5 * found.truth.entropy_rank
    assert ranks[2] < 2 * found.truth.entropy_rank
    losses = [run.best_loss for run in found.runs]
    assert losses[2] < losses[0]
    assert min(losses) > found.entropy
    assert found.truth.rank == TRUE_RANK
    words = " ".join(ET.fromstring(emergence_picture(found)).itertext())
    assert "truth: " in words
    assert "3 factors" in words
