"""Functions of tensors: the network on one page, its likelihood, and what is read from it."""

from conv4rec.model.config import NetworkConfig
from conv4rec.model.network import History, ItemSide, Network

__all__ = ["History", "ItemSide", "Network", "NetworkConfig"]
