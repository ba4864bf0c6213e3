"""A model answers in a forked process as in its parent: servers fork after they have loaded it."""

import multiprocessing
import os
import threading

import pytest
import torch

from conv4rec.recommender.list_scores import ORDERS

PATIENCE_S = 120  # a hanging child is killed then; a working one answers at once

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


def answers(model):
    """One of every kind of answer."""
    known = model.interactions_
    user, item = known.users.to_series()[0], known.items.to_series()[-1]
    history = {item: float(known.levels.values[-1]), known.items.to_series()[0]: None}
    found = [model.recommend(users, k=3, by=by) for by in ORDERS for users in (user, history, None)]
    found += [model.recommend(known.users.to_series()[:3].to_list()), model.explain(history, item)]
    return [*found, model.similar_items(item, k=3), model.profile(user).to_frame()]


@pytest.mark.filterwarnings("ignore:.*shorter than:UserWarning")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*fork:RuntimeWarning")
def test_a_forked_process_answers_like_its_parent(fitted_model):
    before = torch.get_num_threads()
    expected = answers(fitted_model)
    torch.set_num_threads(2)  # a pool of threads, which the child does not inherit
    try:
        torch.ones(200_000).exp().sum()  # starts them
        ours, theirs = multiprocessing.get_context("fork").Pipe()
        child = os.fork()
        if child == 0:
            try:
                frames = answers(fitted_model)
                theirs.send([a.equals(b) for a, b in zip(frames, expected, strict=True)])
            finally:
                os._exit(0)
        theirs.close()
        killer = threading.Timer(PATIENCE_S, os.kill, (child, 9))
        killer.start()
        try:
            answered = ours.recv()
        except EOFError:
            answered = ["nothing: it hung or died"]
        killer.cancel()
        os.waitpid(child, 0)
        assert answered == [True] * len(expected)
    finally:
        torch.set_num_threads(before)
