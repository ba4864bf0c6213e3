"""A fit and its answers do not depend on what the caller has done to torch and NumPy."""

from contextlib import ExitStack, contextmanager

import numpy as np
import pytest
import torch

from conv4rec import Conv4Rec
from conv4rec.recommender.scorer import ConvScorer
from conv4rec.recommender.surroundings import anywhere

SETTINGS = {"n_steps": 4, "consume_size": 8, "rate_size": 4, "consume_reg_factors": (1.0,),
            "mf_sweeps": 20, "mf_draws": 3, "slim_neighbours": 3}  # fmt: skip


@contextmanager
def default_dtype(dtype):
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def deterministic():
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


@contextmanager
def low_precision():
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision("highest")


@contextmanager
def no_default_device():
    """A default device on which nothing can be computed."""
    torch.set_default_device("meta")
    try:
        yield
    finally:
        torch.set_default_device(None)


def too_large():
    torch.empty(2**60)  # more bytes than there are


def too_large_for_a_gpu():
    raise torch.OutOfMemoryError("CUDA out of memory")


@pytest.mark.parametrize("compute", [too_large, too_large_for_a_gpu])
def test_too_little_memory_is_a_memory_error_for_any_torch_device(compute):
    with pytest.raises(MemoryError, match="torch has not enough memory"):
        anywhere(compute)()


def test_other_errors_of_torch_stay_what_they_are():
    with pytest.raises(RuntimeError, match="size of tensor"):
        anywhere(lambda: torch.zeros(2) + torch.zeros(3))()


SURROUNDINGS = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "float64": lambda: default_dtype(torch.float64),
    "bfloat16": lambda: default_dtype(torch.bfloat16),
    "device context": lambda: torch.device("meta"),
    "default device": no_default_device,
    "deterministic": deterministic,
    "matmul precision": low_precision,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "numpy raises": lambda: np.errstate(all="raise"),
}


def answers(model, pairs):
    scorer = ConvScorer(model)
    log = model.interactions_
    return [
        *(model.recommend(k=3, by=by) for by in ("consume", "like")),
        model.recommend(k=1, by="discover", min_p_like=0),
        model.predict(pairs, intervals=True),
        model.explain("u00", "i00"),
        model.kernels(),
        scorer.rank_scores(log, np.arange(3)).tolist(),
        scorer.expected_ratings(log, np.arange(3), np.arange(3)).tolist(),
    ]


@pytest.fixture(scope="module")
def world(mixed):
    log = mixed.take_users(np.arange(25))
    plain = Conv4Rec(**SETTINGS).fit(log)
    seen = log.to_frame().filter(user_id="u00")["item_id"].to_list()
    pairs = log.to_frame().select("user_id", "item_id").filter(item_id="i05")[:5]
    assert "i00" not in seen, "the explained item must be new to the first user"
    return log, plain, pairs, answers(plain, pairs)


@pytest.mark.parametrize("surroundings", SURROUNDINGS.values(), ids=SURROUNDINGS)
def test_fit_save_load_and_answers_are_those_of_anywhere_else(world, surroundings, tmp_path):
    log, plain, pairs, expected = world
    with ExitStack() as stack:
        stack.enter_context(surroundings())
        model = Conv4Rec(**SETTINGS).fit(log)
        model.save(tmp_path / "model")
        loaded = Conv4Rec.load(tmp_path / "model")
        found = [answers(each, pairs) for each in (model, loaded, plain)]
    for name, weight in plain.fitted_.model.state_dict().items():
        assert torch.equal(model.fitted_.model.state_dict()[name], weight), name
    for each in found:
        for ours, theirs in zip(each, expected, strict=True):
            assert ours.equals(theirs) if hasattr(ours, "equals") else ours == theirs


def test_blocks_are_made_anywhere_and_the_caller_keeps_its_own(world):
    _, plain, _, expected = world
    with default_dtype(torch.float64):
        blocks = plain.recommend_blocks(k=3)
        first = next(blocks)
        assert torch.get_default_dtype() == torch.float64
        assert first.equals(expected[0][: first.height])
        list(blocks)
    with torch.inference_mode():
        blocks = plain.recommend_blocks(k=3)
        next(blocks)
        assert torch.is_inference_mode_enabled()
