"""The command `doctor`: versions, threads, devices and folders, for bug reports."""

from __future__ import annotations

import time
from typing import Any

from conv4rec.cli import options
from conv4rec.cli.console import print_json, say


def doctor(as_json: options.AsJson = False) -> None:
    """Versions, threads, devices and data folders of this machine; for bug reports.

    \b
    Example:
      conv4rec doctor
    """
    findings = examine()
    if as_json:
        print_json(findings)
    else:
        show_findings(findings)


def examine() -> dict[str, Any]:
    """Versions, threads, devices, BLAS and data folders."""
    import torch

    from conv4rec.data.available import available_datasets, data_folders
    from conv4rec.evaluate.provenance import cpu_name, n_cpus, versions

    datasets = available_datasets()
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
        "datasets_here": datasets.filter(datasets["is_here"])["name"].to_list(),
    }


def show_findings(findings: dict[str, Any]) -> None:
    """Print them, one line each."""
    lines = {
        **findings["versions"],
        "processor": f"{findings['cpu']}, {findings['n_cpus']} usable",
        "torch threads": findings["threads"],
        "BLAS": f"{findings['blas']}; {findings['parallel']}",
        "1000 x 1000 product": f"{1000 * findings['matrix_product_s']:.0f} ms",
        "accelerator": findings["accelerator"] or "none",
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
    """Seconds of one 1000 x 1000 product, which show a machine that is oddly slow."""
    import torch

    square = torch.ones(1000, 1000)
    torch.mm(square, square)  # the first product starts the threads
    started = time.perf_counter()
    torch.mm(square, square)
    return time.perf_counter() - started
