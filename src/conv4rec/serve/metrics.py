"""What Prometheus reads at /metrics."""

from __future__ import annotations

import os

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names the folder in which several workers add up their counts."""
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The counts of one worker; `page` adds up those of all workers.

    A label never holds what a client wrote: only names of served models, patterns of routes and
    status codes, so that nobody can fill the memory with labels.
    """

    def __init__(self) -> None:
        disable_created_metrics()  # a time for each label, which nobody here asks for
        own = self.registry = CollectorRegistry()
        self.requests = Counter(
            "conv4rec_requests", "Requests answered.", ("route", "model", "status"), registry=own
        )
        self.seconds = Histogram(
            "conv4rec_request_seconds", "From the first byte read to the answer.", ("route",),
            buckets=BUCKETS, registry=own,
        )  # fmt: skip
        self.short_lists = Counter(
            "conv4rec_short_lists", "Lists of fewer than k items.", ("model",), registry=own
        )
        self.unknown_items = Counter(
            "conv4rec_unknown_items", "Items of histories that the model does not know.",
            ("model",), registry=own,
        )  # fmt: skip
        self.fallbacks = Counter(
            "conv4rec_fallbacks", "Answers by popularity: nothing of the history was known.",
            ("model",), registry=own,
        )  # fmt: skip
        self.reloads = Counter(
            "conv4rec_reloads", "Newer models taken into service, in each worker.", ("model",),
            registry=own,
        )  # fmt: skip
        self.model = Gauge(
            "conv4rec_model_info", "1 for the version of each model in service.",
            ("model", "version"), registry=own, multiprocess_mode="livemostrecent",
        )  # fmt: skip
        self.waiting = Gauge(
            "conv4rec_waiting", "Questions being answered or waiting for their turn.",
            registry=own, multiprocess_mode="livesum",
        )  # fmt: skip

    def now_serves(self, model: str, version: str, before: str | None = None) -> None:
        """A version of a model is in service."""
        if before is not None:
            self.model.labels(model, before).set(0)
        self.model.labels(model, version).set(1)

    def page(self) -> bytes:
        """All counts in the text format of Prometheus."""
        if MULTIPROCESS not in os.environ:
            return generate_latest(self.registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)
        return generate_latest(together)
