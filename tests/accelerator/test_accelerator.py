"""All stages of a fit and all answers on a device beside the processor."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

HERE = Path(__file__).parent
NO_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU here")
REFUSALS = """
import pretend_device, torch
pretend_device.install()
there, here = torch.ones(3, device="pretend"), torch.ones(3)
for wrong in (lambda: there + here, lambda: there.index_add_(0, here.long(), there), there.numpy):
    try:
        wrong()
    except (RuntimeError, TypeError):
        continue
    raise AssertionError("tensors of both devices were combined")
assert (there + 1.0).sum().item() == 6.0
"""


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=HERE, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("device", ["pretend", pytest.param("cuda", marks=NO_GPU)])
def test_fits_and_answers_are_those_of_the_processor(device):
    """In a process of its own: the pretend device changes torch."""
    done = python("check.py", device)
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]


def test_the_pretend_device_refuses_what_a_gpu_refuses():
    done = python("-c", REFUSALS)
    assert done.returncode == 0, done.stderr[-2_000:]
