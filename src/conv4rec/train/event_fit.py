"""Fits the model of a log with types: counts on the rest of the log, weights on hidden events.

Some events are hidden (`hide_events`), the tables are counted on the rest, and the weights maximise
the likelihood of the hidden events given the rest. The tables of the model are counted on the whole
log. Hiding keeps the model from copying: the tables do not know the events to be predicted, as they
will not know the next ones.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from conv4rec.data import Events
from conv4rec.errors import TrainingInterrupted
from conv4rec.model.event_model import EventModel, log_lengths
from conv4rec.model.event_tables import EventTables
from conv4rec.train.event_associations import own_item_associations
from conv4rec.train.event_candidates import Candidates, candidates, joined
from conv4rec.train.event_checkpoint import ItemState, save_item_state
from conv4rec.train.event_holdout import Hidden, hide_events
from conv4rec.train.event_items import fit_items
from conv4rec.train.loop import Progress
from conv4rec.train.session import OnProgress
from conv4rec.train.slim import fit_slim

MOST_EVENTS = 8_000  # hidden, of a type: a few hundred weights are learned from them
TYPE_PENALTY = 1.0  # on the squared weights of P(k | x), in events
TYPE_STEPS = 50
SLIM_NEIGHBOURS = 50  # candidates of an item: half as many as of a log of ratings rank as well here


def fit_events(
    log: Events,
    seed: int,
    on_progress: OnProgress | None = None,
    should_stop: Callable[[], bool] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    state: ItemState | None = None,
) -> EventModel:
    """Fit a model: the same seed, machine and number of threads give the same weights.

    Memory: about 1 GB at most beside the tables, for channels of sampled candidates.

    Args:
        log: to learn from.
        seed: of every random draw.
        on_progress: called after each step with ("types", stage, stages, Progress).
        should_stop: asked after each step, and before it for each type.
        checkpoint: folder to save the state to when stopped.
        state: to go on from (see `load_item_state`).

    Raises:
        TrainingInterrupted: `should_stop` returned True.
    """
    state = state or ItemState()

    def stop_if_asked(state_of: Callable[[], ItemState]) -> None:
        if should_stop is None or not should_stop():
            return
        reached = state_of()
        where = f"training stopped in types after step {reached.step}"
        if checkpoint is None:
            raise TrainingInterrupted(f"{where}: nothing was saved")
        save_item_state(checkpoint, reached, log, seed)
        raise TrainingInterrupted(
            f"{where} and saved to {checkpoint}: go on from there with resume"
        )

    def on_step(done: int, n_steps: int, loss: float, state_of: Callable[[], ItemState]) -> None:
        if on_progress is not None:
            on_progress("types", 0, 1, Progress(done, n_steps, loss, 0.0))
        stop_if_asked(state_of)

    rng, draws = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    hidden = hide_events(log, rng)
    found: list[Candidates] = []
    sources = None
    for each in hidden:
        tables = EventTables.of(each.rest, _slim(each.rest), each.now, each.span, sources)
        sources = tables.sources
        for target in range(len(log.types.names)):
            stop_if_asked(lambda: state)
            part = candidates(tables, each, target, rng, MOST_EVENTS // len(hidden))
            found += [] if part is None else [part]
    tables = EventTables.of(log, _slim(log), span=hidden[0].span, sources=sources)
    model = EventModel(tables, draws, seed)
    targets = sorted({part.target for part in found})
    parts = [joined([part for part in found if part.target == target]) for target in targets]
    del found  # a gigabyte, perhaps, that `parts` holds too
    _start(model, parts)
    fit_items(model, parts, rng, on_step, state)
    _fit_types(model, log, hidden)
    model.get_buffer("associations").copy_(own_item_associations(model, parts))
    return model.eval().requires_grad_(False)


def _slim(log: Events) -> sparse.csr_array:
    """SLIM of the pairs of any type: items of the history x items that may come next."""
    found, shape = fit_slim(log.interactions(), SLIM_NEIGHBOURS), (log.n_items, log.n_items)
    if found is None:
        return sparse.csr_array(shape, dtype=np.float32)
    starts, items, weights = (part.numpy() for part in found.by_neighbour())
    return sparse.csr_array((weights, items.astype(np.int32), starts.astype(np.int32)), shape)


@torch.no_grad()
def _start(model: EventModel, found: list[Candidates]) -> None:
    """Standardise the channels, and start each type at the log of the item's count.

    The items that nobody met start at the share that they have among the hidden events.
    """
    network, tables = model.network, model.tables
    if found:
        n = sum(len(part.values) for part in found)
        mean = torch.stack([part.values.sum(0) for part in found]).sum(0) / n
        squares = torch.stack([(part.values - mean).square().sum(0) for part in found]).sum(0)
        network.get_buffer("mean").copy_(mean)
        network.get_buffer("deviation").copy_((squares / n).sqrt() + 1e-3)
    n_own = 1 + tables.counted + tables.timed
    own = len(tables.sources) * (n_own + 1) + 1  # the first of popularity
    for target in range(len(tables.types.names)):
        kinds = tables.types.kinds(tables.types.names[target])
        for source in set(tables.source_of_kind[kinds].tolist()) - {-1}:
            place = own + source
            network.linear[target, place] = network.get_buffer("deviation")[place]
    unmet = own + tables.popularity.shape[1] - 1
    for part in found:
        is_unmet = part.values[:, unmet] > 0
        n_unmet = float(is_unmet[torch.from_numpy(part.starts[:-1])].sum())
        weights = (network(part.values, part.target) + part.log_weights).double().exp()
        of_unmet, of_met = weights[is_unmet].sum(), weights[~is_unmet].sum()
        if of_unmet > 0 and of_met > 0:
            odds = (n_unmet + 0.5) / (len(part) - n_unmet + 0.5) * of_met / of_unmet
            deviation = network.get_buffer("deviation")[unmet]
            network.linear[part.target, unmet] = deviation * odds.log()


def _fit_types(model: EventModel, log: Events, hidden: list[Hidden]) -> None:
    """Penalised likelihood of P(k | x): of the hidden events or, without times, of each event.

    Without times each event is predicted from all others of its user.
    """
    tables, n_types = model.tables, len(log.types.names)
    if hidden[0].now is not None:
        lengths = np.concatenate([log_lengths(tables, each.rest)[each.users] for each in hidden])
        types = np.concatenate([each.types for each in hidden])
        counts = torch.ones(len(types))
    else:
        types, counts = log.type_numbers, torch.from_numpy(log.counts.astype(np.float32))
        before = np.expm1(log_lengths(tables, log))[log.user_numbers]
        source = tables.source_of_kind[log.kind_numbers]  # an event does not predict itself
        before[np.flatnonzero(source >= 0), source[source >= 0]] -= 1.0
        lengths = np.log1p(np.maximum(before, 0.0)).astype(np.float32)
    values = torch.from_numpy(lengths)
    wanted = torch.from_numpy(types.astype(np.int64))
    with torch.no_grad():
        shares = torch.bincount(wanted, weights=counts, minlength=n_types) + 0.5
        model.type_bias.copy_((shares / shares.sum()).log())
    parameters = [model.type_weights, model.type_bias]
    optimiser = torch.optim.LBFGS(parameters, max_iter=TYPE_STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        logits = values @ model.type_weights + model.type_bias
        nll = torch.nn.functional.cross_entropy(logits, wanted, reduction="none")
        total = (nll * counts).sum() + TYPE_PENALTY * model.type_weights.square().sum()
        total = total / counts.sum().clamp(min=1.0)
        total.backward()
        return total

    optimiser.step(loss)
