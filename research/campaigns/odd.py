"""Odd tables from a grammar of what people have: each is read as meant and fitted, or refused.

The grammar has the habits of logs that users of such libraries report: separators, quotes, blanks,
encodings, compressions, headers, ids, ratings, dates. Hypothesis draws from it, and shortens what
fails.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import tempfile
import warnings
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from conv4rec import Conv4Rec, Interactions
from research.campaigns.outcomes import Outcomes

TINY: dict[str, Any] = {
    "n_steps": 1, "consume_size": 2, "rate_size": 2, "mf_draws": 0, "slim_neighbours": 0,
    "ridge_rank": 0, "consume_reg_factors": (1.0,),
}  # fmt: skip
IDS = {
    "numbers": ["1", "2", "30", "4"],
    "large numbers": ["9007199254740993", "9223372036854775807", "12", "18446744073709551615"],
    "negative numbers": ["-1", "2", "-30", "0"],
    "texts": ["ann", "bob", "Ann", "cyd"],
    "unicode": ["çyd", "日本", "Ω", "e\u0301"],
    "codes": ["0007", "007", "7", "1e3"],
    "hex": ["a0b1c2", "00ff", "12e4", "beef"],
    "uuids": ["6ba7b810-9dad-11d1-80b4-00c04fd430c8", "6ba7b811-9dad-11d1-80b4-00c04fd430c8"],
    "words for nothing": ["NA", "null", "None", "nan"],
    "with separators": ["a,b", "a;b", "a\tb", "a|b"],
    "with quotes": ['say "x"', "it's", '"', "''"],
    "with blanks": ["new york", "a b", "c  d", "e"],
    "truth": ["true", "false", "yes", "no"],
    "dates": ["2020-01-01", "01/02/2020", "12:30", "2020"],
    "addresses": ["https://x.org/?a=1&b=2", "C:\\x", "a/b", "a@b.org"],
    "one": ["1"],
}
RATINGS = {
    "stars": ["1", "2", "3", "4", "5"],
    "halves": ["0.5", "1", "3.5", "5.0"],
    "noise": ["0.3", "0.30000000000000004", "0.1", "0.2"],
    "zeros": ["0", "0", "8", "10"],
    "blank": ["", "", "3", "4"],
    "words for nothing": ["NA", "NaN", "null", "-"],
    "decimal commas": ["3,5", "4,0", "1,5", "2"],
    "words": ["good", "bad", "so-so", "★★"],
    "signs": ["-1", "+1", "1", "-1"],
    "extremes": ["1e308", "-1e308", "inf", "5e-324"],
    "many": [str(n / 7) for n in range(12)],
    "one": ["1"],
    "percent": ["80%", "75%", "3/5", "$4"],
    "truth": ["true", "false", "True", "1"],
}
TIMES = {
    "seconds": ["1600000000", "1600000001"],
    "milliseconds": ["1600000000000", "1600000000001"],
    "iso": ["2020-01-02", "2020-01-02T03:04:05Z", "2020-01-02 03:04:05+02:00"],
    "slashes": ["01/02/2020", "12/31/2020"],
    "words": ["yesterday", "Jan 2, 2020"],
    "floats": ["1600000000.5", "1.6e9"],
    "blank": ["", "1600000000"],
    "extremes": ["-1", "99999999999999999999", "0001-01-01", "0"],
}
HEADERS = {
    "usual": ("user_id", "item_id", "rating", "timestamp", "title"),
    "movielens": ("userId", "movieId", "rating", "timestamp", "title"),
    "atomic": ("user_id:token", "item_id:token", "rating:float", "timestamp:float", "t:token_seq"),
    "upper": ("USER", "ITEM", "SCORE", "DATE", "NAME"),
    "blanks": (" user id ", "Item Id", " Rating", "Time", "2020"),
    "foreign": ("wer", "was", "wie", "wann", "wo"),
    "twice": ("user_id", "item_id", "rating", "user_id", "title"),
    "empty": ("", "item_id", "rating", "", ""),
    "none": (),
}
ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-le", "latin-1", "cp1252")
SEPARATORS = (";", "\t", "|", " ", "::", ", ", "^")
DAMAGES = ("sep=", "comment", "short", "long", "blank", "trailing", "total", "nul", "quote")
FORMS = (".txt", ".tsv", ".inter", ".dat", ".csv.gz", ".csv.bz2", ".csv.xz", ".zip", "",
         ".parquet", ".json")  # fmt: skip


@dataclass(frozen=True)
class Odd:
    """A table as bytes, and the pairs that it means."""

    name: str
    content: bytes
    reading: dict[str, Any]
    pairs: frozenset[tuple[str, str]] | None
    """None where people would not agree what is meant."""
    how: str


def _mostly(usual: str, others: Iterable[str]) -> st.SearchStrategy[str]:
    """The usual form in two cases of three."""
    return st.one_of(st.just(usual), st.just(usual), st.sampled_from(sorted(others)))


@st.composite
def tables(draw: st.DrawFn) -> Odd:
    """A small log in some odd form."""
    user, item = (draw(st.sampled_from(sorted(IDS))) for _ in range(2))
    rating, time = draw(st.sampled_from(sorted(RATINGS))), draw(st.sampled_from(sorted(TIMES)))
    head = draw(_mostly("usual", HEADERS))
    columns = (IDS[user], IDS[item], RATINGS[rating], TIMES[time], ["", "a, b", 'x "y"', "é"])
    width = draw(st.sampled_from([2, 3, 4, 5]))
    row = st.tuples(*(st.sampled_from(values) for values in columns[:width]))
    rows = draw(st.lists(row, max_size=8))
    separator = draw(_mostly(",", SEPARATORS))
    quoted = draw(st.sampled_from(["where needed", "where needed", "all", "never"]))
    pad = draw(st.sampled_from(["", "", "", " ", "\u00a0"]))
    lines = [separator.join(_cell(value, separator, quoted, pad) for value in row) for row in rows]
    if HEADERS[head]:
        lines.insert(0, separator.join(HEADERS[head][:width]))
    damage = draw(_mostly("", DAMAGES))
    text = _damaged(lines, separator, damage)
    text = text.replace("\n", draw(st.sampled_from(["\n", "\n", "\r\n", "\r"])))
    encoding = draw(_mostly("utf-8", ENCODINGS))
    content = text.encode(encoding, errors="replace")
    if encoding == "utf-16-le" and draw(st.booleans()):
        content = codecs.BOM_UTF16_LE + content
    form = draw(_mostly(".csv", FORMS))
    stated = ({"sep": separator}, {"header": False}, {"encoding": encoding}, {"unrated": 0})
    reading = draw(st.one_of(st.just({}), st.just({}), st.sampled_from(stated)))
    plain = (
        quoted != "never" and damage in ("", "blank") and head in ("usual", "movielens")
        and separator != "^" and encoding.startswith("utf-") and pad != "\u00a0"
        and "header" not in reading and form not in (".parquet", ".json", ".dat")
        and not {user, item} & {"words for nothing", "codes", "dates", "one"}
    )  # fmt: skip
    pairs = frozenset((row[0], row[1]) for row in rows) if plain and rows else None
    how = (f"{user}/{item}/{rating}/{time}/{head} by {separator!r} quoted {quoted} padded {pad!r} "
           f"{damage} {encoding} {form} {reading}")  # fmt: skip
    return Odd(f"log{form}", _compressed(content, form), reading, pairs, how)


def _cell(value: str, separator: str, quoted: str, pad: str) -> str:
    needed = any(sign in value for sign in (separator.strip() or " ", '"', "\n"))
    if quoted == "all" or (quoted == "where needed" and needed):
        value = '"' + value.replace('"', '""') + '"'
    return pad + value + pad


def _damaged(lines: list[str], separator: str, damage: str) -> str:
    lines = list(lines)
    if damage == "sep=":
        lines.insert(0, f"sep={separator}")
    elif damage == "comment":
        lines.insert(0, "# exported on 2020-01-01, by x")
    elif damage == "short" and lines:
        lines[-1] = lines[-1].rpartition(separator)[0]
    elif damage == "long" and lines:
        lines[-1] += separator + "more"
    elif damage == "blank":
        lines.append("")
    elif damage == "trailing":
        lines = [line + separator for line in lines]
    elif damage == "total":
        lines.append(f"Total{separator}{len(lines)}")
    elif damage == "nul" and lines:
        lines[-1] += "\0"
    elif damage == "quote" and lines:
        lines[-1] = '"' + lines[-1]
    return "\n".join(lines) + "\n"


def _compressed(content: bytes, form: str) -> bytes:
    if form == ".zip":
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w") as archive:
            archive.writestr("log.csv", content)
        return held.getvalue()
    packers = {".csv.gz": gzip.compress, ".csv.bz2": bz2.compress, ".csv.xz": lzma.compress}
    return packers[form](content) if form in packers else content


def run_odd(numbers: range, seed_: int, outcomes: Outcomes) -> None:
    """Read and fit so many tables; a block has a seed of its own."""
    with tempfile.TemporaryDirectory() as place:

        @seed(f"{seed_} {numbers.start}")
        @settings(max_examples=len(numbers), deadline=None, database=None, phases=[Phase.generate],
                  suppress_health_check=list(HealthCheck))  # fmt: skip
        @given(tables())
        def each(table: Odd) -> None:
            try_table(table, Path(place), outcomes)

        each()


def try_table(table: Odd, place: Path, outcomes: Outcomes) -> None:
    """Read one table, compare it with what it means, fit it and ask."""
    path = place / table.name
    path.write_bytes(table.content)
    about = f"{table.how}: {table.content[:200]!r}"
    outcomes.counts["tables"] += 1
    log = outcomes.guarded(lambda: Interactions.from_frame(path, **table.reading), 0, about)
    path.unlink()
    outcomes.counts["refused" if log is None else "read"] += 1
    if log is None:
        if table.pairs is not None:
            outcomes.counts["refused though plain"] += 1
        return
    if table.pairs is not None:
        found = {(str(user), str(item)) for user, item, *_ in log.to_frame().iter_rows()}
        if found != {(user.strip(), item.strip()) for user, item in table.pairs}:
            outcomes.fault("misread", 0, f"{about}: {sorted(found)}")

    def fit() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = Conv4Rec(**TINY).fit(log)
            return model.recommend(k=2), model.predict(log.to_frame().select("user_id", "item_id"))

    outcomes.counts["fitted" if outcomes.guarded(fit, 0, about) is not None else "not fitted"] += 1
