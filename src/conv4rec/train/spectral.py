"""Item vectors and features from a truncated SVD of the implicit-feedback matrix."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from conv4rec.data import Interactions
from conv4rec.model.sparse import SparsePattern

USER_PRIOR, ITEM_PRIOR = 10.0, 5.0  # interactions added to each count before normalising


def spectral_item_vectors(
    interactions: Interactions, size: int, seed: int, fading: float = 1.0, device: str = "cpu"
) -> np.ndarray:
    """Right singular vectors of the normalised consumption matrix, damped: items x size.

    The matrix is D_u^(-1/2) X D_i^(-1/2), X the 0/1 users x items matrix. Column j is scaled by
    s_j / sqrt(s_j^2 + (fading s_mid)^2), with s_mid the middle singular value kept: a ridge
    filter of the noisy directions.

    Args:
        interactions: the log; ratings are not read.
        size: vectors wanted; columns beyond the rank of X are zero.
        seed: of the random range finder.
        fading: strength of the filter.
        device: where the products are computed.
    """
    matrix, _ = normalised(interactions)
    _, singular, right = truncated_svd(SparseMatrix(matrix, device), size, seed)
    rank = len(singular)
    middle = np.float32(fading) * max(singular[rank // 2], np.float32(1e-6))
    vectors = right * (singular / np.sqrt(singular**2 + middle**2))
    # A singular vector's sign is arbitrary: fix it, so that platforms agree.
    largest = vectors[np.abs(vectors).argmax(0), np.arange(rank)]
    padded = np.zeros((matrix.shape[1], size), dtype=np.float32)
    padded[:, :rank] = vectors * np.where(largest < 0, -1.0, 1.0)
    return padded


def normalised(interactions: Interactions) -> tuple[Any, np.ndarray]:
    """D_u^(-1/2) X D_i^(-1/2), and the diagonal of D_i^(-1/2)."""
    lengths, items = np.diff(interactions.starts), interactions.item_numbers
    counts = np.bincount(items, minlength=interactions.n_items)
    of_user, of_item = (
        (n.astype(np.float32) + np.float32(prior)) ** np.float32(-0.5)
        for n, prior in ((lengths, USER_PRIOR), (counts, ITEM_PRIOR))
    )
    data = np.repeat(of_user, lengths)
    data *= of_item[items]
    return interactions.to_csr(data), of_item


def pattern_features(
    interactions: Interactions, size: int, seed: int, device: str = "cpu"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features of each user and item: leading singular vectors of the implicit-feedback matrix.

    Vector j has standard deviation (s_j / s_1)^2 over users and over items, with s_j its singular
    value, so that noisy directions weigh less in a prior that treats all features alike.

    Returns:
        users x size, items x size, and the items x size table whose rows, summed over a history
        of n items and divided by sqrt(n + 10), are the features of its user.
    """
    matrix, of_item = normalised(interactions)
    left, singular, right = truncated_svd(SparseMatrix(matrix, device), size, seed)
    of_users, of_items = left * singular, right * singular
    wanted = (singular / singular.max(initial=1e-6)) ** 2
    of_users_by, of_items_by = (
        wanted / np.maximum(of_side.std(0), 1e-6) for of_side in (of_users, of_items)
    )
    into = right * of_item[:, None] * of_users_by
    return of_users * of_users_by, of_items * of_items_by, into.astype(np.float32)


@dataclass(frozen=True)
class SparseMatrix:
    """A sparse matrix, multiplied by dense tables on the processor or on an accelerator.

    On a processor SciPy's products take as long as torch's, and its transposed matrix 8 bytes an
    entry, where the order by column of a `SparsePattern` takes 36.
    """

    matrix: Any
    """Of SciPy: CSR."""
    device: str = "cpu"

    @cached_property
    def _transposed(self) -> Any:
        return self.matrix.T.tocsr()

    @cached_property
    def _on_device(self) -> tuple[SparsePattern, Tensor]:
        parts = (self.matrix.indptr, self.matrix.indices, self.matrix.data)
        starts, columns, values = (torch.from_numpy(part).to(self.device) for part in parts)
        return SparsePattern(starts.long(), columns, self.matrix.shape[1]), values

    def times(self, table: Tensor) -> Tensor:
        """Times a table of columns x size."""
        if torch.device(self.device).type == "cpu":
            return torch.from_numpy(self.matrix @ table.numpy())
        pattern, values = self._on_device
        return pattern.times(values, table)

    def transposed_times(self, table: Tensor) -> Tensor:
        """The transposed matrix times a table of rows x size."""
        if torch.device(self.device).type == "cpu":
            return torch.from_numpy(self._transposed @ table.numpy())
        pattern, values = self._on_device
        return pattern.transposed_times(values, table)


def truncated_svd(
    matrix: SparseMatrix, size: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The largest singular values and their vectors: rows x rank, rank, columns x rank.

    The random range finder of Halko, Martinsson & Tropp (SIAM Review 2011, algorithm 4.4) takes
    4 power iterations: 10 sparse products, 16 x columns x size bytes.
    """
    n_rows, n_columns = matrix.matrix.shape
    rank, width = min(size, n_rows, n_columns), min(size + 10, n_rows, n_columns)
    rng = np.random.default_rng(seed)
    start = rng.standard_normal((n_columns, width)).astype(np.float32)
    basis = torch.from_numpy(start).to(matrix.device)
    for _ in range(4):
        basis = torch.linalg.qr(matrix.transposed_times(matrix.times(basis)))[0]
    into, small = torch.linalg.qr(matrix.times(basis))
    left, singular, right = np.linalg.svd(small.cpu().numpy())
    left, right = (torch.from_numpy(part[:, :rank].copy()).to(into) for part in (left, right.T))
    return (into @ left).cpu().numpy(), singular[:rank], (basis @ right).cpu().numpy()
