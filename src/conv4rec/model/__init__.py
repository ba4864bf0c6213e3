"""Functions of tensors: the network on one page, its likelihood, and what is read from it."""

import os

# A thread of torch that waits for work spins by default, and takes the core from the one it
# waits for when anything else runs on the machine: a fit of 4 s took 65 s on two busy cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is loaded, just below

from conv4rec.model.config import NetworkConfig
from conv4rec.model.network import History, ItemSide, Network

__all__ = ["History", "ItemSide", "Network", "NetworkConfig"]
