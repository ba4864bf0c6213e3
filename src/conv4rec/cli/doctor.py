"""A look at the machine, for bug reports."""

from __future__ import annotations

import time
from typing import Any

from conv4rec.cli.console import say
from conv4rec.cli.datasets import data_folders, shelf
from conv4rec.evaluate.provenance import cpu_name, n_cpus, versions


def examine() -> dict[str, Any]:
    """Versions, threads, devices, BLAS and data folders."""
    import torch

    parallel = torch.__config__.parallel_info().splitlines()
    accelerator = torch.accelerator.current_accelerator() if _has_accelerator() else None
    return {
        "versions": versions() | {"torch": torch.__version__},
        "cpu": cpu_name(),
        "n_cpus": n_cpus(),
        "threads": torch.get_num_threads(),
        "blas": _blas(),
        "parallel": next((line.strip() for line in parallel if "OpenMP" in line), "unknown"),
        "accelerator": None if accelerator is None else str(accelerator),
        "matrix_product_s": round(_matrix_product_s(), 4),
        "data_folders": [{"path": str(path), "exists": path.is_dir()} for path in data_folders()],
        "datasets_here": [
            name for name, where in shelf().iter_rows() if not where.startswith(("conv4rec", "pip"))
        ],
    }


def show_findings(findings: dict[str, Any]) -> None:
    """Print them, one line each."""
    lines = {
        **findings["versions"],
        "processor": f"{findings['cpu']}, {findings['n_cpus']} usable",
        "torch threads": findings["threads"],
        "BLAS": f"{findings['blas']}; {findings['parallel']}",
        "1000 x 1000 product": f"{1000 * findings['matrix_product_s']:.0f} ms",
        "accelerator": findings["accelerator"] or "none: the processor does all",
        "data folders": "; ".join(
            folder["path"] + ("" if folder["exists"] else " (not there yet)")
            for folder in findings["data_folders"]
        ),
        "data sets here": ", ".join(findings["datasets_here"]) or "none",
    }
    for name, value in lines.items():
        say(f"{name:<20} {value}")


def _has_accelerator() -> bool:
    import torch

    return hasattr(torch, "accelerator") and torch.accelerator.is_available()


def _blas() -> str:
    import torch

    for line in torch.__config__.show().splitlines():
        if "BLAS_INFO=" in line:
            return line.partition("BLAS_INFO=")[2].partition(",")[0]
    return "unknown"


def _matrix_product_s() -> float:
    """Seconds of one 1000 x 1000 product: a machine that is oddly slow shows here."""
    import torch

    square = torch.ones(1000, 1000)
    torch.mm(square, square)  # the first one pays for waking the threads
    started = time.perf_counter()
    torch.mm(square, square)
    return time.perf_counter() - started
