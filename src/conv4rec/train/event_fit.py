"""Fits the model of a log with types: counts on the rest of the log, weights on hidden events.

Some events are hidden (`hide_events`), the tables are counted on the rest, and the weights maximise
the likelihood of the hidden events given the rest. The tables of the model are counted on the whole
log. Hiding keeps the model from copying: the tables do not know the events to be predicted, as they
will not know the next ones.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from conv4rec.data import Events
from conv4rec.errors import TrainingInterrupted
from conv4rec.model.event_model import EventModel, log_lengths
from conv4rec.model.event_tables import EventTables
from conv4rec.train.event_associations import own_item_associations
from conv4rec.train.event_candidates import Candidates, candidates, joined
from conv4rec.train.event_holdout import Hidden, hide_events
from conv4rec.train.loop import Progress
from conv4rec.train.session import OnProgress

EPOCHS, BATCH = 8, 128  # passes over the hidden events, and events of a step
LEAST_STEPS = 400
LEARNING_RATE = 0.01
PENALTY = 1.0  # on the squared change of the weights of P(i | k, x), in events
TYPE_PENALTY = 1.0  # on the squared weights of P(k | x), in events
TYPE_STEPS = 50


def fit_events(
    log: Events,
    seed: int,
    on_progress: OnProgress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> EventModel:
    """Fit a model: the same seed, machine and number of threads give the same weights.

    Memory: about 1 GB at most beside the tables, for channels of sampled candidates.

    Args:
        log: to learn from.
        seed: of every random draw.
        on_progress: called after each step with ("types", stage, stages, Progress).
        should_stop: asked after each step.

    Raises:
        TrainingInterrupted: `should_stop` returned True; nothing is saved.
    """

    def on_step(done: int, n_steps: int, loss: float) -> None:
        if on_progress is not None:
            on_progress("types", 0, 1, Progress(done, n_steps, loss, 0.0))
        if should_stop is not None and should_stop():
            raise TrainingInterrupted("training on types was stopped: nothing was saved")

    rng, draws = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    hidden = hide_events(log, rng)
    found: list[Candidates] = []
    sources = None
    for each in hidden:
        tables = EventTables.of(each.rest, each.now, each.span, sources)
        sources = tables.sources
        parts = [candidates(tables, each, k, rng) for k in range(len(log.types.names))]
        found += [part for part in parts if part is not None]
    tables = EventTables.of(log, span=hidden[0].span, sources=sources)
    model = EventModel(tables, draws)
    targets = sorted({part.target for part in found})
    parts = [joined([part for part in found if part.target == target]) for target in targets]
    _start(model, parts)
    _fit_items(model, parts, rng, on_step)
    _fit_types(model, log, hidden)
    model.get_buffer("associations").copy_(own_item_associations(model, parts))
    return model.eval().requires_grad_(False)


@torch.no_grad()
def _start(model: EventModel, found: list[Candidates]) -> None:
    """Standardise the channels, and start each type at the log of the item's count."""
    network, tables = model.network, model.tables
    if found:
        values = torch.cat([part.values for part in found])
        network.get_buffer("mean").copy_(values.mean(0))
        network.get_buffer("deviation").copy_(values.std(0).nan_to_num(0.0) + 1e-3)
    own = len(tables.sources) * (2 + tables.counted + tables.timed)  # the first of popularity
    for target in range(len(tables.types.names)):
        kinds = tables.types.kinds(tables.types.names[target])
        for source in set(tables.source_of_kind[kinds].tolist()) - {-1}:
            place = own + source
            network.linear[target, place] = network.get_buffer("deviation")[place]


def _fit_items(
    model: EventModel,
    found: list[Candidates],
    rng: np.random.Generator,
    on_step: Callable[[int, int, float], None],
) -> None:
    """Adam on -log P(i | k, x) of the hidden events, a batch of one type at a time.

    The penalty is that of a normal prior around the start, with deviation 1.
    """
    network, start = model.network, model.network.linear.detach().clone()
    optimiser = torch.optim.Adam(network.parameters(), LEARNING_RATE, foreach=False)
    n_batches = sum(-(-len(part) // BATCH) for part in found)
    n_epochs = max(EPOCHS, -(-LEAST_STEPS // max(1, n_batches)))
    n_steps, n_events = n_epochs * n_batches, sum(map(len, found))
    done = 0
    for _ in range(n_epochs):
        batches = [
            (part, order[first : first + BATCH])
            for part in found
            for order in [rng.permutation(len(part))]
            for first in range(0, len(part), BATCH)
        ]
        for number in rng.permutation(len(batches)):
            part, chosen = batches[number]
            for group in optimiser.param_groups:
                group["lr"] = LEARNING_RATE * (1 - done / n_steps)
            optimiser.zero_grad()
            own = (network.linear - start)[part.target].square().sum()
            own = own + network.out[part.target].square().sum()
            shared = network.first.square().sum() + network.second.square().sum()
            loss = item_loss(model, part, chosen)
            loss = loss + PENALTY / 2 * (own / len(part) + shared / n_events)
            loss.backward()
            optimiser.step()
            done += 1
            on_step(done, n_steps, float(loss.detach()))


def item_loss(model: EventModel, part: Candidates, chosen: np.ndarray) -> Tensor:
    """Mean -log P(i | k, x) of some hidden events, over their candidates."""
    rows, events, first = part.of(chosen)
    logits = model.network(part.values[rows], part.target) + part.log_weights[rows]
    largest = logits.new_full((len(chosen),), -torch.inf)
    largest = largest.scatter_reduce(0, events, logits.detach(), "amax")
    sums = torch.zeros_like(largest).index_add(0, events, (logits - largest[events]).exp())
    return (sums.log() + largest - logits[first]).mean()


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
