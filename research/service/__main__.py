"""Measurements of the service: `python -m research.service --help`."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from conv4rec.cli.console import print_json, say
from research.command import new_app, run

app = new_app("Load, faults and generated requests against `conv4rec serve`, on the loopback.")
Model = Annotated[str, typer.Argument(metavar="MODEL", help="Folder of a saved model.")]
Seconds = Annotated[float, typer.Option(min=1, max=3_600, help="Length of each measurement.")]
Rate = Annotated[float, typer.Option(min=0.1, max=2_000, help="Requests a second, on average.")]
Workers = Annotated[int, typer.Option(min=1, max=64, help="Workers of the service.")]
History = Annotated[int, typer.Option(min=1, max=5_000, help="Items of a history.")]
Threads = Annotated[int, typer.Option(min=1, max=64, help="Threads of a worker.")]
By = Annotated[str, typer.Option(help="What lists are ranked by.")]


@app.command(short_help="Latency against the rate; twice saturation; recovery.")
def load(
    model: Model,
    workers: Workers = 1,
    by: By = "consume",
    k: int = 10,
    history: History = 30,
    threads: Threads = 1,
    seconds: Seconds = 10,
) -> None:
    """Poisson arrivals at shares of what the service can do, at twice that, and after it.

    Half of the questions are of training users, half of histories of other people.
    """
    from research.service.load import poisson, saturation
    from research.service.running import service

    counts = ("--workers", str(workers), "--threads", str(threads))
    with service(model, *counts, "--watch", "0") as running:
        requests = _requests(running, model, by, k, history)
        most = asyncio.run(saturation(running, requests, seconds / 2))
        facts = {
            "workers": workers,
            "threads": threads,
            "by": by,
            "history": history,
            "ready_s": round(running.ready_after, 1),
        }
        print_json({**facts, "saturation_per_s": round(most, 1)})
        for share in (0.25, 0.5, 0.7, 0.85, 2.0):
            before = running.processor_seconds()
            seen = asyncio.run(poisson(running, requests, share * most, seconds))
            used = 1000 * (running.processor_seconds() - before) / max(1, len(seen.ms))
            print_json({
                "load": share, "per_s": round(share * most, 1), **seen.facts(),
                "processor_ms": round(used, 1),
            })  # fmt: skip
        for second in range(5):
            seen = asyncio.run(poisson(running, requests, 0.5 * most, 1))
            print_json({"after_overload_s": second + 1, **seen.facts()})
        print_json({"memory_mb": round(running.memory_mb(), 1)})


@app.command(short_help="Newer models taken into service under load.")
def reload(
    model: Model, newer: Model, rate: Rate = 20, seconds: Seconds = 30, workers: Workers = 2
) -> None:
    """Swap the served folder between two models every few seconds while requests arrive."""
    from research.service.load import poisson
    from research.service.running import service

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "served"
        shutil.copytree(model, folder)
        with service(str(folder), "--workers", str(workers), "--watch", "0") as running:
            requests = _requests(running, str(folder), "consume", 10)

            async def scene() -> tuple[Any, int]:
                asked = asyncio.create_task(poisson(running, requests, rate, seconds))
                n_swaps = 0
                while not asked.done():
                    await asyncio.sleep(2)
                    await asyncio.to_thread(_replace, folder, (newer, model)[n_swaps % 2])
                    running.signal(signal.SIGHUP)
                    n_swaps += 1
                return await asked, n_swaps

            seen, n_swaps = asyncio.run(scene())
            page = _page(running)
    reloads = sum(float(line.split()[-1]) for line in page if "conv4rec_reloads_total{" in line)
    print_json({"swaps": n_swaps, "reloads": int(reloads), "workers": workers, **seen.facts()})


@app.command(short_help="A steady load for a long time: errors and memory.")
def soak(model: Model, rate: Rate = 10, minutes: float = 5, workers: Workers = 1) -> None:
    """Every kind of question at a steady rate; the slope of the memory after a tenth of the time.

    Each minute is printed as it ends.
    """
    from research.service.load import Seen, poisson
    from research.service.running import service

    with service(model, "--workers", str(workers)) as running:
        requests = [r for by in ("consume", "like", "discover")
                    for r in _requests(running, model, by, 10)]  # fmt: skip
        requests += _other_requests(running, model)
        total, times, sizes, began = Seen(), [], [], time.monotonic()
        while (at := time.monotonic() - began) < 60 * minutes:
            seen = asyncio.run(poisson(running, requests, rate, 60, seed=int(at)))
            total.outcomes.update(seen.outcomes)
            total.ms += seen.ms
            times.append((time.monotonic() - began) / 60)
            sizes.append(running.memory_mb())
            print_json({"minute": round(times[-1], 1), "mb": round(sizes[-1], 2), **seen.facts()})
        late = [n for n, minute in enumerate(times) if minute > minutes / 10]
        slope = np.polyfit(np.array(times)[late], np.array(sizes)[late], 1)[0]
        facts = {"minutes": minutes, "rate": rate, "mb_per_minute": round(float(slope), 3)}
        facts |= {"mb_first": round(sizes[0]), "mb_last": round(sizes[-1])}
        print_json({**facts, "processor_s": running.processor_seconds(), **total.facts()})


@app.command(short_help="What further workers cost in memory.")
def memory(model: Model, workers: Annotated[str, typer.Option(help="Numbers.")] = "1,2,4") -> None:
    """Memory of all workers, where shared pages count once, after each has answered."""
    from research.service.load import saturation
    from research.service.running import service

    folder_mb = sum(f.stat().st_size for f in Path(model).iterdir()) / 2**20
    for n in map(int, workers.split(",")):
        with service(model, "--workers", str(n), "--watch", "0") as running:
            asyncio.run(saturation(running, _requests(running, model, "like", 10), 5))
            print_json({
                "workers": n, "memory_mb": round(running.memory_mb()),
                "model_mb": round(folder_mb), "ready_s": round(running.ready_after, 1),
            })  # fmt: skip


@app.command(short_help="Slow, silent and impatient clients beside good ones.")
def clients(model: Model, n_bad: int = 100, rate: Rate = 10, seconds: Seconds = 20) -> None:
    """What good clients see while bad ones crowd the service, and when a bad one is cut off."""
    from research.service.clients import BAD, with_bad_clients
    from research.service.running import service

    with service(model, "--watch", "0") as running:
        requests = _requests(running, model, "consume", 10)
        for kind in BAD:
            seen, held = asyncio.run(
                with_bad_clients(running, requests, kind, n_bad, rate, seconds)
            )
            print_json({"clients": kind, "n": n_bad, "held_s": round(held, 1), **seen.facts()})


@app.command(short_help="Requests generated from the OpenAPI document.")
def fuzz(
    requests: Annotated[int, typer.Option(min=1, help="Go on until so many were made.")] = 20_000,
    max_examples: Annotated[int, typer.Option(help="Examples of each route in a round.")] = 50,
    seed: Annotated[int, typer.Option(help="Of the first round; each has the next.")] = 0,
    precomputed: Annotated[bool, typer.Option(help="Of precomputed lists, not a model.")] = False,
    record: Annotated[
        Path, typer.Option(metavar="FILE.jsonl", help="Each round is added as it ends.")
    ] = Path("fuzz.jsonl"),
) -> None:
    """Schemathesis with all its checks of statuses, schemas and headers, in rounds."""
    from research.service.fuzz import fuzz as run_fuzz

    total, statuses, failed = 0, Counter[str](), 0
    while total < requests:
        found = run_fuzz(max_examples, seed, precomputed)
        with record.open("a", encoding="utf-8") as file:
            file.write(json.dumps(found) + "\n")
        say(found["said"])
        total, seed = total + found["requests"], seed + 1
        statuses.update(found["by_status"])
        failed += found["exit_code"] != 0
    print_json({"requests": total, "by_status": dict(statuses), "rounds_failed": failed})
    if failed:
        raise typer.Exit(1)


def _requests(running: Any, model: str, by: str, k: int, n_items: int = 30) -> list[bytes]:
    """Questions about training users, and about histories of `n_items` items of others."""
    from conv4rec import Conv4Rec
    from research.service.load import posts

    known = Conv4Rec.load(model).interactions_
    rng, questions = np.random.default_rng(0), []
    users, items = known.users.to_series(), known.items.to_series()
    for _ in range(100):
        questions.append({"users": [users[int(rng.integers(len(users)))]], "by": by, "k": k})
        rated = rng.choice(len(items), size=min(n_items, len(items) // 2), replace=False)
        ratings = rng.choice(known.levels.values, size=len(rated)).tolist()
        history = {str(items[int(i)]): r for i, r in zip(rated, ratings, strict=True)}
        questions.append({"history": history, "by": by, "k": k})
    return posts(running, Path(model).name, questions)


def _other_requests(running: Any, model: str) -> list[bytes]:
    """Questions of every other kind, and views of the explorer, about training users."""
    from conv4rec import Conv4Rec
    from research.service.load import posts

    known, name = Conv4Rec.load(model).interactions_, Path(model).name
    rng, found = np.random.default_rng(1), []
    users, items = known.users.to_series(), known.items.to_series()
    for _ in range(40):
        user, item = users[int(rng.integers(len(users)))], items[int(rng.integers(len(items)))]
        for route, question in (
            ("predict", {"pairs": [{"user_id": user, "item_id": item}], "intervals": True}),
            ("explain", {"user": user, "item": item}),
            ("profile", {"user": user}),
            ("similar", {"item": item, "k": 5}),
        ):
            found += posts(running, name, [question], route)
        for view in (f"person?user={user}", f"item?item={item}", "model"):
            line = f"GET /v1/models/{name}/explore/{view} HTTP/1.1\r\nHost: {running.host}\r\n\r\n"
            found.append(line.encode())
    return found


def _replace(folder: Path, source: str) -> None:
    """Put the files of another model in place: the manifest last, as a save does."""
    for path in sorted(Path(source).iterdir(), key=lambda path: path.name == "manifest.json"):
        part = folder / f"{path.name}.part"
        shutil.copy(path, part)
        part.rename(folder / path.name)


def _page(running: Any) -> list[str]:
    import urllib.request

    with urllib.request.urlopen(f"http://{running.host}:{running.port}/metrics") as page:
        return page.read().decode().splitlines()


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns its exit code."""
    return run(app, "research.service", arguments)


if __name__ == "__main__":
    sys.exit(main())
