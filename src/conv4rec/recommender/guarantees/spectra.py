"""Spectra of the tables of a trained model and of their logit map: how many directions it uses."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from conv4rec.model import Network
from conv4rec.recommender import Conv4Rec
from conv4rec.theory import Spectrum, spectrum


def model_spectra(model: Conv4Rec) -> dict[str, Spectrum]:
    """Spectra of what a fitted model learned, by name (see `network_spectra`)."""
    return network_spectra(model.scoring_.network)


def network_spectra(network: Network) -> dict[str, Spectrum]:
    """Spectra of the tables and maps of a network, by name.

    "encoder" and "decoder" are items x size tables; their product, items x items, sends "was
    consumed" to the consume logits, as if no history were divided by its length. Rating tables
    are those of the first rating channel, "liked". Columns of decoders are centred: a softmax
    cannot see a constant. Where one encoder serves both tasks there is no rating encoder.
    """
    encoder, decoder = _matrix(network.consume_in[0]), _centred(_matrix(network.consume_out))
    found = {
        "encoder": spectrum(encoder),
        "decoder": spectrum(decoder),
        "logit map": spectrum(encoder, decoder.T),
    }
    if network.rate_in is not None:
        into, out = _matrix(network.rate_in[1]), _matrix(network.rate_out[0])
        into = into[:, : out.shape[1]]  # not the users' offsets, which no item decodes
        found["rating encoder"] = spectrum(into)
        found["rating decoder"] = spectrum(out)
        found["rating map"] = spectrum(into, out.T)
    return found


def spectra_facts(spectra: dict[str, Spectrum]) -> list[dict[str, Any]]:
    """One line per map, for tables and JSON: ranks, and the singular values themselves."""
    return [
        {
            "map": name,
            "rank": found.rank,
            "stable_rank": found.stable_rank,
            "entropy_rank": found.entropy_rank,
            "largest": float(found.values[0]),
            "trace_norm": float(found.values.sum()),
            "singular_values": [float(value) for value in found.values],
        }
        for name, found in spectra.items()
    ]


def _matrix(tensor: Tensor) -> np.ndarray:
    return tensor.detach().double().cpu().numpy()


def _centred(table: np.ndarray) -> np.ndarray:
    return table - table.mean(axis=0)
