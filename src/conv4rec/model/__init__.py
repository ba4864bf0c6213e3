"""Functions of tensors: the network that is trained, the model that is served, likelihoods."""

from conv4rec.model.config import NetworkConfig
from conv4rec.model.history import History, ItemSide
from conv4rec.model.network import Network
from conv4rec.model.served import ServedConfig, ServedModel

__all__ = ["History", "ItemSide", "Network", "NetworkConfig", "ServedConfig", "ServedModel"]
