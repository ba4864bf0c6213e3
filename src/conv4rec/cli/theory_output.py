"""What the theory commands print: sentences, then tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from conv4rec.cli.console import say
from conv4rec.cli.tables import Table, figure

if TYPE_CHECKING:
    from conv4rec.recommender.guarantees.bounds import Line
    from conv4rec.recommender.guarantees.certify import Guarantee
    from conv4rec.recommender.guarantees.generalization_gap import Gap, Side
    from conv4rec.recommender.guarantees.pac_bayes import PacBayesResult

WITHOUT_REPLACEMENT = (
    "Fresh users (setting A) need only be independent of each other. Fresh rows of training "
    "users (setting B) must be independent draws. Real ratings are drawn without replacement, so "
    "there, and for the trace norm, the bounds are a comparison, not a theorem."
)
NAMES = {
    "squared_error": "squared rating error",
    "rating_log_loss": "log-loss of the rating",
    "consume_log_loss": "log-loss of the consumed item",
}


def show_bounds(lines: Sequence[Line], gaps: Mapping[Side, Gap] | None, confidence: float) -> None:
    """Print the measured gaps, the bounds, what each guarantees, and every term."""
    from conv4rec.recommender.guarantees.bounds import GUARANTEES

    if not gaps:
        say("No gap measured: --data FILE with rows that did not train the model measures it.")
    for side, gap in (gaps or {}).items():
        who = {"A": "fresh users", "B": "fresh targets of the training users"}[gap.setting]
        say(
            f"Measured, log-loss of the {side}: {gap.training:.3f} nats on {gap.n:,} of "
            f"training, {gap.fresh:.3f} on {gap.n_fresh:,} of {who}: a gap of {gap.value:+.3f}."
        )
    say(
        "Gaps and bounds are those of the neural component, without SLIM and the Bayesian matrix "
        "factorisation: the theorems cover products of tables alone."
    )
    say(
        f"Bounds on the gap of any model within these norms, {confidence:.0%} confidence each, "
        "in nats (trace norm: squared rating):"
    )
    heads = ["bound", "value", "measured", "trivial", "verdict"]
    table = Table(heads, ("bound", "verdict"))
    for line in lines:
        verdict = "vacuous" if line.vacuous else "not vacuous"
        known = gaps and line.unit == "nats" and line.side in gaps
        measured = f"{gaps[line.side].value:+.3f}" if gaps and known else "-"
        table.add(line.name, figure(line.value), measured, figure(line.trivial), verdict)
    table.show()
    say()
    for kind, (does, does_not) in GUARANTEES.items():
        say(f"{kind} guarantees that {does}; it does not guarantee {does_not}.")
    say(WITHOUT_REPLACEMENT)
    for line in lines:
        say()
        say(f"{line.name}, n = {line.n:,}:")
        terms = Table(["term", "value"], ("term",))
        for name, value in line.terms.items():
            terms.add(name, f"{value:,.4g}")
        terms.show()


def show_guarantees(found: Sequence[Guarantee], confidence: float) -> None:
    """Print the certificate as one sentence, then each method's figures."""
    parts = []
    for guarantee in found:
        name = NAMES.get(guarantee.name, guarantee.name)
        side = "at least" if guarantee.is_score else "at most"
        parts.append(f"{name} is {side} {guarantee.bound():.3f}")
    n = max(p.certificates["betting"].n for p in found)
    say(
        f"With {confidence:.0%} confidence, a new user's average {', '.join(parts)}: "
        f"all {len(found)} together, from {n:,} held-out users."
    )
    table = Table(["per user", "mean", "betting", "bernstein", "hoeffding", "capped at"],
                  ("per user",))  # fmt: skip
    for guarantee in found:
        bounds = [
            "vacuous" if guarantee.certificates[method].vacuous else figure(guarantee.bound(method))
            for method in ("betting", "bernstein", "hoeffding")
        ]
        cap = "-" if guarantee.is_score else figure(guarantee.scale)
        table.add(NAMES.get(guarantee.name, guarantee.name), figure(guarantee.mean), *bounds, cap)
    table.show()
    say(
        "A random half of each history is the input, the other half is predicted. The guarantee is "
        "for the mean over such users, not for a single user; betting was chosen in advance. The "
        "mean log-loss of a user, in nats, is capped at twice that of a uniform guess."
    )


def show_pac_bayes(found: PacBayesResult) -> None:
    """Print the PAC-Bayes bound."""
    bound, full = found.bound, found.full
    say()
    say(
        "Without held-out users, by PAC-Bayes at the same confidence: a model with Gaussian "
        f"noise of width {found.width:g} has an average recall@{found.k} of at least "
        f"{1 - bound.value:.3f} (at least {1 - bound.empirical_loss:.3f} on the {bound.n:,} users "
        f"that did not train its prior; KL {bound.kl:.1f} nats at {found.share:.0%} of the way to "
        "the weights fine-tuned on all users)."
    )
    verdict = "vacuous" if full.vacuous else f"at least {1 - full.value:.3f}"
    say(f"At the fine-tuned weights, the KL is {full.kl:.1f} nats and the bound: {verdict}.")


def show_spectra(facts: Sequence[dict[str, Any]]) -> None:
    """Print ranks and the first singular values of each map."""
    table = Table(["map", "rank", "stable rank", "entropy rank", "singular values"],
                  ("map", "singular values"), elastic="singular values")  # fmt: skip
    for row in facts:
        values = " ".join(f"{value:.3g}" for value in row["singular_values"][:8])
        ranks = [figure(row[name], 2) for name in ("stable_rank", "entropy_rank")]
        table.add(row["map"], str(row["rank"]), *ranks, values)
    table.show()
    say(
        "Stable rank: squares over the largest square. Entropy rank: how many equal singular "
        "values would spread as evenly. Neither is in the objective; its penalty on squared "
        "weights favours few directions."
    )
