"""Requests generated from the service's own OpenAPI document, by schemathesis."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from conv4rec import Conv4Rec
from conv4rec.errors import MissingExtraError
from research.service.running import Service, service

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,"
    "response_headers_conformance,negative_data_rejection,positive_data_acceptance,unsupported_method"
)
# 422 for valid data: rules between fields that a schema does not express ("novelty is for
# by='discover'"). 404: ids that the model does not know. 413: larger than any request may be.
CONFIG = """
[parameters]
"path.name" = "{model}"
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "401", "404", "413", "422"]
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "404", "405", "406", "413", "415", "422"]
"""


def small_model(folder: Path) -> None:
    """A model that knows the ids of the examples, and those that a generator likes: "", "0", ..."""
    rng = np.random.default_rng(0)
    users = ["ann", "bob", "cyd", "", "0", "1", *(f"u{n}" for n in range(34))]
    items = ["dune", "heat", "alien", "", "0", "1", "a", "é", *(f"i{n}" for n in range(32))]
    rows = [
        (user, item, int(rng.integers(1, 6)))
        for user in users for item in rng.choice(items, 8, replace=False)
    ]  # fmt: skip
    log = pl.DataFrame(rows, schema=["user_id", "item_id", "rating"], orient="row")
    Conv4Rec(n_steps=5, mf_sweeps=12, mf_draws=4).fit(log).save(folder)


def fuzz(max_examples: int, seed: int, precomputed: bool = False) -> dict[str, Any]:
    """Run schemathesis against a service of a small model, or of its precomputed lists.

    Returns:
        How many requests the service counted, by status; schemathesis' exit code, 0 if it found
        nothing; and the end of what it said, if it found something.

    Raises:
        MissingExtraError: schemathesis is not installed.
    """
    tool = shutil.which("schemathesis")
    if tool is None:
        raise MissingExtraError("this needs schemathesis on the PATH: pipx install schemathesis")
    with tempfile.TemporaryDirectory() as place:
        small_model(Path(place) / "small")
        what = [str(Path(place) / "small")]
        if precomputed:
            lists = Path(place) / "small.parquet"
            Conv4Rec.load(what[0]).recommend(k=5).write_parquet(lists)
            what = ["--precomputed", str(lists)]
        config = Path(place) / "schemathesis.toml"
        config.write_text(CONFIG.format(model="small"))
        with service(*what, "--watch", "0") as running:
            said = subprocess.run(
                [
                    tool, "--config-file", str(config), "run",
                    f"http://{running.host}:{running.port}/openapi.json", "--checks", CHECKS,
                    "--phases", "examples,coverage,fuzzing", "--max-examples", str(max_examples),
                    "--continue-on-failure", "--no-color", "--seed", str(seed),
                    "--request-timeout", "120",  # a busy machine is no failure
                ],
                capture_output=True, text=True, cwd=place,
            )  # fmt: skip
            found = counts(running)
    return {
        "seed": seed, "precomputed": precomputed, "max_examples": max_examples,
        "requests": sum(found.values()), "by_status": found, "exit_code": said.returncode,
        "said": said.stdout[-20_000:] if said.returncode else "",
    }  # fmt: skip


def counts(running: Service) -> dict[str, int]:
    """How many requests the service has answered, by status."""
    with urllib.request.urlopen(f"http://{running.host}:{running.port}/metrics") as page:
        text = page.read().decode()
    found: dict[str, int] = {}
    for status, count in re.findall(
        r'^conv4rec_requests_total\{.*status="(\d+)"\} (\S+)', text, re.M
    ):
        found[status] = found.get(status, 0) + int(float(count))
    return dict(sorted(found.items()))
