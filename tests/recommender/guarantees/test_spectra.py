"""Ranks of what was learned are those of the maps themselves, at the end and on the way."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from conv4rec import Conv4Rec
from conv4rec.recommender.guarantees.spectra import model_spectra, spectra_facts
from research.theory.charts import training_picture
from research.theory.ranks_while_training import checks_facts, ranks_while_training


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
    served = fitted_model.scoring_.network.config
    for name, size in (("logit map", served.consume_size), ("rating map", served.rate_size)):
        row = facts[name]
        assert 1 <= row["stable_rank"] <= row["rank"] <= size
        assert 1 <= row["entropy_rank"] <= row["rank"]
        assert len(row["singular_values"]) >= row["rank"]


def test_ranks_while_training_end_at_those_of_the_model(mixed, small):
    plain = Conv4Rec(**small, averaged_snapshots=1, rate_steps_ratio=1.0, ridge_rank=0).fit(mixed)
    found = ranks_while_training(plain, n_checks=4)
    last = found["default start"][-1]
    for name, spectrum in model_spectra(plain).items():
        assert last.entropy_ranks[name] == pytest.approx(spectrum.entropy_rank, rel=1e-4)
        assert last.stable_ranks[name] == pytest.approx(spectrum.stable_rank, rel=1e-4)
    assert [evaluate_validation.step for evaluate_validation in found["random start"]][:2] == [0, 1]
    assert last.step == max(plain.fitted_.schedule.stops)


def test_the_two_starts_are_two_and_the_pictures_name_every_map(fitted_model):
    found = ranks_while_training(fitted_model, n_checks=4)
    first = {name: looks[0].stable_ranks["encoder"] for name, looks in found.items()}
    assert first["default start"] != pytest.approx(first["random start"], rel=0.05)
    words = " ".join(ET.fromstring(training_picture(found)).itertext())
    for name in ("random start", "default start", "logit map", "rating map"):
        assert name in words
    facts = checks_facts(found)["random start"][0]
    assert set(facts) == {"step", "entropy_ranks", "stable_ranks"}
