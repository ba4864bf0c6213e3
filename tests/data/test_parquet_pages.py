"""A damaged Parquet file is refused before polars reserves what its pages claim."""

import io
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conv4rec.data import Interactions
from conv4rec.data.parquet_pages import _chunks, _footer, _page_header, _struct, check_pages
from conv4rec.data.precomputed import PrecomputedLists
from conv4rec.errors import DataError

LOG = pl.DataFrame(
    {
        "user_id": ["ann", "ann", "bob", "cyd", "7"] * 3,
        "item_id": list(range(15)),
        "rating": [1.0, 2.5, None, 4.0, 5.0] * 3,
    }
)


def with_negative_count(path: Path, column: str) -> None:
    """Turn the number of values in a page's header into a negative one."""
    data = bytearray(path.read_bytes())
    file = io.BytesIO(data)
    footer = _struct(io.BytesIO(_footer(file) or b""))
    place = {name: at for name, _, at in _chunks(footer)}[column]
    header, length = _page_header(file, place)
    n = header[7][1] if 7 in header else LOG.height  # of a dictionary, or of values
    at = data.index(2 * n, place, place + length)  # in zigzag
    data[at] += 1  # -1 - n
    path.write_bytes(data)


@pytest.mark.parametrize("column", LOG.columns)
def test_a_negative_count_is_refused(tmp_path: Path, column: str) -> None:
    """Without the check polars asks for 2 ** 61 bytes, and the process is gone."""
    LOG.write_parquet(tmp_path / "log.parquet")
    with_negative_count(tmp_path / "log.parquet", column)
    with pytest.raises(DataError, match=f"damaged Parquet file: column '{column}'"):
        Interactions.from_frame(tmp_path / "log.parquet")


def test_lists_of_a_damaged_file_are_refused(tmp_path: Path) -> None:
    """`serve --precomputed` reads them with the same check."""
    lists = LOG.select("user_id", "item_id", rank=pl.int_range(1, 16))
    lists.write_parquet(tmp_path / "lists.parquet")
    with_negative_count(tmp_path / "lists.parquet", "rank")
    with pytest.raises(DataError, match="column 'rank'"):
        PrecomputedLists.read(tmp_path / "lists.parquet")


def test_only_the_columns_that_are_read_matter(tmp_path: Path) -> None:
    """A column that nobody reads cannot hurt."""
    LOG.with_columns(other=pl.int_range(15)).write_parquet(tmp_path / "log.parquet")
    with_negative_count(tmp_path / "log.parquet", "other")
    assert len(Interactions.from_frame(tmp_path / "log.parquet")) == 15


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("compression", ["none", "snappy", "zstd"])
@pytest.mark.parametrize("dictionary", [True, False])
def test_good_files_of_arrow_pass(version: str, compression: str, dictionary: bool) -> None:
    """Pages of both versions, many to a column, with nulls, nested columns and none at all."""
    rng, n = np.random.default_rng(0), 5_000
    table = pa.table(
        {
            "id": [f"user {i % 700}" for i in range(n)],
            "x": pa.array(rng.random(n), mask=rng.random(n) < 0.3),
            "nested": [[1, 2]] * n,
            "nothing": pa.nulls(n),
        }
    )
    for rows in (n, 0):
        file = io.BytesIO()
        pq.write_table(
            table[:rows], file, data_page_version=version, compression=compression,
            use_dictionary=dictionary, data_page_size=512, row_group_size=1_200,
        )  # fmt: skip
        check_pages(file, "good.parquet")


def test_good_files_of_polars_pass() -> None:
    """Whatever polars writes of columns of all kinds."""
    frame = pl.concat([LOG] * 2_000).with_columns(
        when=pl.datetime(2020, 1, 1), many=pl.lit([1.0, 2.0]), category=pl.lit("a", pl.Categorical)
    )
    for statistics in (True, False, "full"):
        file = io.BytesIO()
        frame.write_parquet(file, row_group_size=7_000, data_page_size=4_096, statistics=statistics)
        check_pages(file, "good.parquet")


def test_what_is_no_parquet_is_left_to_the_reader() -> None:
    """Random bytes are not read; with the marks of Parquet they are a damaged file."""
    rng = np.random.default_rng(0)
    for n in (0, 5, 12, 100, 5_000):
        noise = rng.bytes(n)
        check_pages(io.BytesIO(noise), "noise")
        if n > 0:
            with pytest.raises(DataError, match="its footer cannot be read"):
                check_pages(io.BytesIO(noise + n.to_bytes(4, "little") + b"PAR1"), "noise")


@pytest.mark.parametrize(
    "footer",
    [
        bytes([0x49, *[0x19] * 5_000]),  # lists in lists
        bytes([0x4C, *[0x1C] * 5_000]),  # structs in structs
        bytes([0x48, *[0xFF] * 9, 1]),  # 2 ** 64 - 1 bytes of text
        bytes([0x49, 0xFC, *[0xFF] * 9, 1]),  # so many structs
        bytes([0x4B, *[0xFF] * 9, 1, 0x88]),  # so many keys and values
        bytes([0x45, *[0xFF] * 20]),  # a number without an end
    ],
)
def test_a_footer_that_would_take_depth_or_memory_is_refused(footer: bytes) -> None:
    """As quickly as any other."""
    file = io.BytesIO(footer + b"\0" + (len(footer) + 1).to_bytes(4, "little") + b"PAR1")
    with pytest.raises(DataError, match="its footer cannot be read"):
        check_pages(file, "odd.parquet")


def test_whatever_byte_is_wrong() -> None:
    """Any bytes of a good file may be others: the check passes or refuses, and nothing else."""
    rng, refused, good = np.random.default_rng(0), 0, io.BytesIO()
    LOG.write_parquet(good, compression="uncompressed")
    for _ in range(20_000):
        data = np.frombuffer(good.getvalue(), np.uint8).copy()
        at = rng.integers(len(data), size=int(rng.integers(1, 4)))
        data[at] = rng.integers(256, size=len(at))
        try:
            check_pages(io.BytesIO(data.tobytes()), "odd.parquet")
        except DataError:
            refused += 1
    assert refused > 2_000
