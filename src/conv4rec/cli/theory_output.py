"""What the theory commands print: sentences first, then the figures behind them."""

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
    "users (setting B) must be independent draws, which real ratings, drawn without replacement, "
    "are not: there, and for the trace norm, the bounds are a yardstick, not a theorem."
)
SAID = {
    "squared_error": "squared rating error",
    "rating_log_loss": "log-loss of the rating",
    "consume_log_loss": "log-loss of the pick",
}


def show_bounds(lines: Sequence[Line], gaps: Mapping[Side, Gap] | None, confidence: float) -> None:
    """Print the bounds, what each promises, the measured gaps, and every term."""
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
        "Gaps and bounds are of the model's tables: its neighbours and the exact half of its "
        "ratings are left out, for no table look-up makes them."
    )
    say(
        f"Bounds on the gap of any model within these norms, {confidence:.0%} confidence each, "
        "in nats (trace norm: squared rating):"
    )
    heads = ["bound", "value", "measured", "trivial", "verdict"]
    sheet = Table(heads, ("bound", "verdict"))
    for line in lines:
        verdict = "vacuous" if line.vacuous else "says something"
        known = gaps and line.unit == "nats" and line.side in gaps
        measured = f"{gaps[line.side].value:+.3f}" if gaps and known else "-"
        sheet.add(line.name, figure(line.value), measured, figure(line.trivial), verdict)
    sheet.show()
    say()
    for kind, (does, does_not) in GUARANTEES.items():
        say(f"{kind} promises that {does}; it does not promise {does_not}.")
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
        name = SAID.get(guarantee.name, guarantee.name)
        side = "at least" if guarantee.is_score else "at most"
        parts.append(f"{name} is {side} {guarantee.bound():.3f}")
    n = max(p.certificates["betting"].n for p in found)
    say(
        f"With {confidence:.0%} confidence, a new user's average {', '.join(parts)}: "
        f"all {len(found)} together, from {n:,} held-out users."
    )
    sheet = Table(["per user", "mean", "betting", "bernstein", "hoeffding", "capped at"],
                  ("per user",))  # fmt: skip
    for guarantee in found:
        bounds = [
            "vacuous" if guarantee.certificates[method].vacuous else figure(guarantee.bound(method))
            for method in ("betting", "bernstein", "hoeffding")
        ]
        cap = "-" if guarantee.is_score else figure(guarantee.scale)
        sheet.add(SAID.get(guarantee.name, guarantee.name), figure(guarantee.mean), *bounds, cap)
    sheet.show()
    say(
        "Half of each history was fed, the other half foretold. The promise is of the mean over "
        "users like these, not of any one user; betting was chosen in advance. A user's mean "
        "log-loss, in nats, is capped at twice that of guessing evenly."
    )


def show_pac_bayes(found: PacBayesResult) -> None:
    """Print the PAC-Bayes bound and what it is of."""
    bound, full = found.bound, found.full
    say()
    say(
        "Without anyone held out, by PAC-Bayes at the same confidence: a model blurred "
        f"by noise of width {found.width:g} has an average recall@{found.k} of at least "
        f"{1 - bound.value:.3f} (at least {1 - bound.empirical_loss:.3f} on the {bound.n:,} users "
        f"whom its prior had not seen; KL {bound.kl:.1f} nats at {found.share:.0%} of the way to "
        "the weights fine-tuned on all users)."
    )
    verdict = "vacuous" if full.vacuous else f"at least {1 - full.value:.3f}"
    say(f"All the way, the KL is {full.kl:.1f} nats and the bound: {verdict}.")


def show_spectra(facts: Sequence[dict[str, Any]]) -> None:
    """Print ranks and the first singular values of each map."""
    sheet = Table(["map", "rank", "stable rank", "entropy rank", "singular values"],
                  ("map", "singular values"), elastic="singular values")  # fmt: skip
    for row in facts:
        values = " ".join(f"{value:.3g}" for value in row["singular_values"][:8])
        ranks = [figure(row[name], 2) for name in ("stable_rank", "entropy_rank")]
        sheet.add(row["map"], str(row["rank"]), *ranks, values)
    sheet.show()
    say(
        "Stable rank: squares over the largest square. Entropy rank: how many equal singular "
        "values would spread as evenly. Neither is in the objective; its penalty on squared "
        "weights favours few directions."
    )
