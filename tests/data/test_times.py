"""Timestamps of every unit and format are the same seconds; doubtful ones are asked for."""

import re
from datetime import date, datetime

import pandas as pd
import polars as pl
import pytest

from conv4rec.data import Interactions
from conv4rec.data.tables import read_table
from conv4rec.data.times import whole_seconds
from conv4rec.errors import DataError

SECONDS = 978300760  # 2000-12-31 22:12:40 UTC


@pytest.mark.parametrize("factor", [1, 10**3, 10**6, 10**9])
@pytest.mark.parametrize("dtype", [pl.Int64, pl.UInt64, pl.Float64, pl.String])
def test_the_unit_of_numbers_is_found_by_their_size(factor, dtype):
    values = pl.Series([SECONDS * factor, None], dtype=pl.Int64).cast(dtype)
    assert whole_seconds(values).to_list() == [SECONDS, None]


def test_one_absurd_value_does_not_change_the_unit():
    values = pl.Series([SECONDS, SECONDS + 1, SECONDS * 10**6])
    assert whole_seconds(values).to_list() == values.to_list()


@pytest.mark.parametrize(
    "text",
    [
        "2000-12-31T22:12:40Z",
        "2000-12-31 22:12:40",
        "2000-12-31T23:12:40+01:00",
        "2000-12-31 17:12:40.250 -0500",
        "2000/12/31 22:12:40 UTC",
        "2000-12-31 22:12:40+00",
        "20001231221240",
        " 2000.12.31 22:12:40,5 ",
    ],
)
def test_iso_times_of_any_spelling_are_read(text):
    assert whole_seconds(pl.Series([text, "", None])).to_list() == [SECONDS, None, None]


@pytest.mark.parametrize("day", ["2000-12-31", "2000/12/31", "20001231", 20001231])
def test_a_day_is_its_first_second(day):
    assert whole_seconds(pl.Series([day])).to_list() == [978220800]


def test_columns_of_dates_are_read_from_any_frame():
    for column in ([date(2000, 12, 31)], [datetime(2000, 12, 31)]):
        frame = pl.DataFrame({"user": [1], "item": [2], "time": column})
        for table in (frame, frame.to_pandas(), frame.to_arrow(), frame.lazy()):
            assert read_table(table)["timestamp"].to_list() == [978220800]
    text = pd.DataFrame({"user": [1], "item": [2], "time": ["2000-12-31"]})
    assert read_table(text)["timestamp"].to_list() == [978220800]


@pytest.mark.parametrize(
    ("text", "formats"),
    [
        ("01/02/2020", ("%d/%m/%Y", "%m/%d/%Y")),
        ("12/31/2020 10:15", ("%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M")),
        ("1.2.20", ("%d.%m.%y", "%m.%d.%y")),
        ("1-2-2020 1:02:03", ("%d-%m-%Y %H:%M:%S", "%m-%d-%Y %H:%M:%S")),
    ],
)
def test_a_date_that_may_be_two_days_is_asked_for(text, formats):
    expected = "does not say which number is the month: state time_format={!r} or {!r}"
    with pytest.raises(DataError, match=re.escape(expected.format(*formats))):
        whole_seconds(pl.Series([text]))
    read = [
        whole_seconds(pl.Series([text]), each) for each in formats if text != "12/31/2020 10:15"
    ]
    assert all(seconds.null_count() == 0 for seconds in read)


@pytest.mark.parametrize(
    ("values", "time_format", "seconds"),
    [
        (["31/12/2000"], "%d/%m/%Y", 978220800),
        (["Dec 31, 2000"], "%b %d, %Y", 978220800),
        ([SECONDS], "ms", 978300),
        ([31122000], "%d%m%Y", 978220800),
    ],
)
def test_a_stated_format_counts(values, time_format, seconds):
    assert whole_seconds(pl.Series(values), time_format).to_list() == [seconds]


@pytest.mark.parametrize("text", ["noon", "2000-13-01", "2000-12-31 25:00:00", "31 Dec 2000"])
def test_what_is_no_time_is_refused_by_row(text):
    with pytest.raises(DataError, match=r"in row 2.*time_format=.*columns=\{'timestamp': None\}"):
        whole_seconds(pl.Series(["2000-12-31", text]))
    with pytest.raises(DataError, match="is not of the format '%d/%m/%Y'"):
        whole_seconds(pl.Series([text]), "%d/%m/%Y")


@pytest.mark.parametrize(
    ("times", "line"),
    [
        (
            [SECONDS * 1000] * 2,
            "timestamps: milliseconds since 1970, from 2000-12-31 to 2000-12-31",
        ),
        (
            ["2000-12-30", "2000-12-31"],
            "timestamps: dates and times, from 2000-12-30 to 2000-12-31",
        ),
        ([1, 2], "timestamps: numbers, from 1 to 2"),
        ([20001230, 20001231], "timestamps: dates such as 20010131, from 2000-12-30 to 2000-12-31"),
    ],
)
def test_the_load_report_says_what_was_found(times, line):
    log = Interactions.from_frame({"user": [1, 2], "item": [1, 2], "time": times})
    assert line in log.report.lines()
