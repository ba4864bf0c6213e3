"""Parameters: named, checked in one sentence, read and copied as in scikit-learn."""

import inspect
import subprocess
import sys
from types import NoneType
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from conv4rec import Conv4Rec
from conv4rec.errors import SettingError
from conv4rec.model.config import NetworkSettings
from conv4rec.model.settings import Settings
from conv4rec.recommender.configuration import PRESETS, Options, configuration
from conv4rec.recommender.parameters import PARAMETERS, SETTINGS
from conv4rec.train import TrainSettings

NOT_A_LOG = object()  # read as data it is a DataError: settings are refused before
WRONG = [
    ("consume_reg_factors", 1.0, "a sequence of finite numbers above 0"),
    ("consume_reg_factors", (1.0, -1.0), "a sequence of finite numbers above 0"),
    ("consume_reg_factors", "1,2", "a sequence of finite numbers above 0"),
    ("rate_reg_factors", (1.0, True), "a sequence of finite numbers above 0"),
    ("n_rating_channels", 0, "a whole number of at least 1"),
    ("n_rating_channels", 2.5, "a whole number of at least 1"),
    ("two_sided", "no", "True or False"),
    ("two_sided", 0, "True or False"),
    ("rate_reg", "x", "a finite number of at least 0"),
    ("rate_reg", "", "a finite number of at least 0"),
    ("n_steps", True, "a whole number of at least 1"),
    ("n_steps", np.bool_(True), "a whole number of at least 1"),
    ("n_steps", 0, "a whole number of at least 1"),
    ("mf_draws", -1, "a whole number of at least 0"),
    ("spectral_init", float("nan"), "a finite number of at least 0"),
    ("learning_rate", -1.0, "a finite number of at least 0"),
    ("learning_rate", np.float32("inf"), "a finite number of at least 0"),
    ("validation_fraction", 1.0, "a number from 0 up to, not including, 1"),
    ("propensity_power", 1.5, "a number from 0 to 1"),
    ("like_threshold", "x", "a finite number on the rating scale, or None"),
    ("like_threshold", float("inf"), "a finite number on the rating scale, or None"),
    ("device", "abacus", "one that torch can use here, such as 'cpu'"),
    ("device", "", "the name of a torch device"),
    ("seed", -1, r"a whole number from 0 to 2\*\*40 - 1"),
    ("seed", 1.5, r"a whole number from 0 to 2\*\*40 - 1"),
    ("seed", 2**63, r"a whole number from 0 to 2\*\*40 - 1"),
    ("seed", None, r"a whole number from 0 to 2\*\*40 - 1"),
    ("max_memory_mb", 0, "a number of megabytes above 0, at most 1e9"),
    ("max_memory_mb", 1e308, "a number of megabytes above 0, at most 1e9"),
    ("max_memory_mb", float("nan"), "a number of megabytes above 0, at most 1e9"),
    ("preset", "best", "'default', 'fast' or 'paper'"),
    ("preset", None, "'default', 'fast' or 'paper'"),
]


@pytest.mark.parametrize(("name", "value", "rule"), WRONG)
def test_one_sentence_names_the_parameter_the_rule_and_the_value(name, value, rule):
    with pytest.raises(SettingError, match=rf"^{name} must be {rule}.*; got ") as caught:
        Conv4Rec(**{name: value}).fit(NOT_A_LOG)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is here")
def test_cuda_is_refused_where_it_is_missing():
    with pytest.raises(SettingError, match=r"device must be one that torch can use here.*'cuda'"):
        Conv4Rec(device="cuda").fit(NOT_A_LOG)


def test_a_device_without_double_precision_is_refused_before_the_fit(monkeypatch):
    def zeros(*_, dtype=torch.float32, **__):
        if dtype is torch.float64:
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype. Use float32. Or not.")

    monkeypatch.setattr(torch, "zeros", zeros)
    with pytest.raises(SettingError, match=r"device must be one.*'mps': Cannot .* float64 dtype$"):
        Conv4Rec(device="mps").fit(NOT_A_LOG)


def test_something_has_to_be_masked():
    with pytest.raises(SettingError, match=r"mask_high must be above mask_low=0\.5.*; got 0\.2"):
        Conv4Rec(mask_low=0.5).fit(NOT_A_LOG)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("n_step", "did you mean 'n_steps'"), ("zzz", "docs/guides/names.md lists all")],
)
def test_an_unknown_name_brings_the_nearest(name, hint):
    for ask in (
        lambda: Conv4Rec(**{name: 5}),
        lambda: Conv4Rec().set_params(**{name: 5}),
        lambda: configuration("default", {name: 5}),
        lambda: TrainSettings(**{name: 5}),
    ):
        with pytest.raises(SettingError, match=f"^'{name}' is not a setting: {hint}"):
            ask()


def test_numpy_scalars_and_lists_are_taken():
    found = TrainSettings(
        n_steps=np.int64(7), rate_reg=np.float32(2.0), masked_only=np.bool_(False),
        consume_reg_factors=np.array([1.0, 0.5]), rate_reg_factors=[1, 2],
    )  # fmt: skip
    assert found.model_dump() == TrainSettings(
        n_steps=7, rate_reg=2.0, masked_only=False, consume_reg_factors=(1.0, 0.5),
        rate_reg_factors=(1.0, 2.0),
    ).model_dump()  # fmt: skip
    assert type(found.n_steps) is int


def test_a_changed_copy_is_checked_and_settings_are_frozen():
    assert TrainSettings(n_steps=3).with_changes(rate_reg=1.0).n_steps == 3
    with pytest.raises(SettingError, match="n_steps must be"):
        TrainSettings().with_changes(n_steps=0)
    with pytest.raises(ValueError, match="frozen"):
        TrainSettings().n_steps = 5


@given(value=st.one_of(st.floats(), st.integers(), st.booleans(), st.text(max_size=3), st.none()))
@settings(deadline=None, max_examples=100)
def test_any_value_is_taken_or_refused_in_a_sentence(value):
    for kind in (Options, NetworkSettings, TrainSettings):
        for name in kind.model_fields:
            try:
                kind(**{name: value})
            except SettingError as error:
                named = (f"{name} must be ", "mask_high must be above")
                assert str(error).startswith(named)  # noqa: PT017


def test_the_signature_is_the_settings_models():
    parameters = inspect.signature(Conv4Rec).parameters
    named = [name for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY]
    assert named == list(PARAMETERS)
    for name, entry in Options.model_fields.items():
        assert parameters[name].default == entry.default
    for name in SETTINGS:
        assert parameters[name].default is None
        kind = (NetworkSettings.model_fields | TrainSettings.model_fields)[name].annotation
        written = parameters[name].annotation
        if "tuple" in str(kind):
            expected = "Sequence[float] | None"
        else:  # a setting that is None by default says so itself
            expected = str(kind) if NoneType in get_args(kind) else f"{kind.__name__} | None"
        assert written == expected


def test_none_means_the_value_of_the_preset():
    _, network, training = Conv4Rec(preset="paper", n_steps=9).check_params()
    assert training.n_steps == 9
    assert training.rate_reg == PRESETS["paper"]["rate_reg"] != TrainSettings().rate_reg
    assert network.shared_encoder
    _, network, training = Conv4Rec().check_params()
    assert (network, training) == (NetworkSettings(), TrainSettings())


def test_parameters_are_stored_unchanged_and_cloned():
    factors = [1.0]
    model = Conv4Rec(seed=np.int64(3), consume_reg_factors=factors, n_steps=5)
    assert model.get_params()["consume_reg_factors"] is factors
    assert model.get_params(deep=False).keys() == set(PARAMETERS)
    copied = clone(model)
    assert copied is not model
    assert copied.get_params() == model.get_params()
    assert copied.set_params(n_steps=6) is copied
    assert (copied.n_steps, model.n_steps) == (6, 5)


def test_a_clone_of_a_fitted_model_is_not_fitted(fitted_model):
    copied = clone(fitted_model)
    assert not hasattr(copied, "scoring_")
    assert copied.get_params() == fitted_model.get_params()


def test_learned_attributes_end_in_an_underscore(fitted_model):
    learned = set(vars(fitted_model)) - set(PARAMETERS)
    assert all(name.endswith("_") or name.startswith("_") for name in learned)


def test_numpy_parameters_are_saved_and_loaded(mixed, small, tmp_path):
    model = Conv4Rec(seed=np.int64(3), rate_reg=np.float32(2.0), **small).fit(mixed)
    model.save(tmp_path / "model")
    loaded = Conv4Rec.load(tmp_path / "model")
    assert loaded.get_params() == model.get_params()
    for wrong in ({"device": "abacus"}, {"max_memory_mb": -1}):
        with pytest.raises(SettingError, match=f"{next(iter(wrong))} must be"):
            Conv4Rec.load(tmp_path / "model", **wrong)


def test_it_is_shown_by_what_was_changed(fitted_model):
    assert repr(Conv4Rec()) == "Conv4Rec(): not fitted"
    assert repr(Conv4Rec(seed=3, n_steps=5)) == "Conv4Rec(seed=3, n_steps=5): not fitted"
    assert repr(fitted_model).endswith("583 of them rated on 5 levels)")


def test_html_is_escaped(fitted_model):
    shown = Conv4Rec(device="<script>")._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert "60 users" in fitted_model._repr_html_()


def test_each_setting_states_its_rule():
    for kind in (Options, NetworkSettings, TrainSettings):
        assert issubclass(kind, Settings)
        assert all(entry.description for entry in kind.model_fields.values())


def test_the_package_is_imported_without_torch_pydantic_or_scikit_learn():
    code = (
        "import sys, conv4rec; "
        "print([m for m in ('torch', 'pydantic', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    code = "import sys; from conv4rec import Conv4Rec; print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
