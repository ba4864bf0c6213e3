"""The splits of Liang et al. are the published ones, draw for draw, from the published archives."""

import io
import tarfile
import zipfile
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from conv4rec.baselines import Popularity
from conv4rec.data import Split, load_dataset, split_by_name
from conv4rec.data.available import available_datasets
from conv4rec.data.liang import PROTOCOLS, Protocol, liang_split
from conv4rec.errors import DataError, DatasetError, SettingError
from conv4rec.evaluate import evaluate

TITLES = "1,2003,Dinosaur Planet\n2,2004,Paula-Paula\n3,1997,Character, the café\n"
HELD_OUT = 5


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A data folder of one's own, and held-out parts that fit miniature archives."""
    monkeypatch.setenv("CONV4REC_DATA", str(tmp_path))
    for name, protocol in PROTOCOLS.items():
        fewer = replace(
            protocol,
            n_held_out=HELD_OUT,
            min_user_items=protocol.min_user_items // 4 + 4,
            min_item_users=protocol.min_item_users // 50,
        )
        monkeypatch.setitem(PROTOCOLS, name, fewer)
    return tmp_path


@pytest.fixture
def rows():
    """Ratings of 60 users on 40 films, (user, film, rating), user by user as MovieLens writes."""
    random = np.random.default_rng(0)
    chance = random.uniform(0.2, 1, (60, 1)) * np.linspace(0.01, 0.9, 40)  # rare films, short lists
    pairs = np.argwhere(random.random((60, 40)) < chance) + 1
    return [(int(u) * 7, int(i), float(random.integers(2, 11)) / 2) for u, i in pairs]


def put(folder, name, file, members):
    (folder / name).mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / name / file, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return folder / name / file


def put_movielens(folder, rows, monkeypatch):
    from conv4rec.data import archives

    for name in ("ml-20m", "ml-10m"):  # a miniature has another checksum
        monkeypatch.setitem(archives.SOURCES, name, replace(archives.SOURCES[name], checksum=None))
    lines = "".join(f"{u},{i},{r},{1112486027 + n}\n" for n, (u, i, r) in enumerate(rows))
    films = "movieId,title,genres\n" + "".join(f"{i},Film {i},Drama\n" for i in range(1, 41))
    members = {"ratings.csv": "userId,movieId,rating,timestamp\n" + lines, "movies.csv": films}
    put(folder, "ml-20m", "ml-20m.zip", {f"ml-20m/{k}": v for k, v in members.items()})


def put_msd(folder, rows):
    lines = [f"{u:040x}\tSO{i:016d}\t{int(2 * r)}\n" for u, i, r in rows]
    order = np.random.default_rng(1).permutation(len(lines))  # users in no order, as published
    text = "".join(lines[n] for n in order)
    put(folder, "msd", "train_triplets.txt.zip", {"train_triplets.txt": text})


def by_film(rows):
    """The text of each film's ratings, as Netflix wrote it."""
    rated = {i: "" for _, i, _ in sorted(rows, key=lambda row: row[1])}
    for user, film, rating in rows:
        rated[film] += f"{user},{int(rating + 0.5)},2005-09-{1 + film % 28:02d}\n"
    return {film: f"{film}:\n{text}" for film, text in rated.items()}


def put_kaggle(folder, rows, file="netflix-prize-data.zip"):
    films = list(by_film(rows).values())
    parts = {f"combined_data_{n + 1}.txt": "".join(films[10 * n : 10 * n + 10]) for n in range(4)}
    titles = {"movie_titles.csv": TITLES.encode("latin-1"), "probe.txt": "1:\n30878\n"}
    return put(folder, "netflix", file, parts | titles)


def tar_of(members, mode):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def put_original(folder, rows):
    films = [(f"training_set/mv_{i:07d}.txt", t.encode()) for i, t in by_film(rows).items()]
    inner = tar_of(dict(reversed(films)), "w")  # a tar file has its members in any order
    titles = {"download/movie_titles.txt": TITLES.encode("latin-1"), "download/README": b"terms"}
    (folder / "netflix").mkdir(exist_ok=True)
    path = folder / "netflix" / "nf_prize_dataset.tar.gz"
    path.write_bytes(tar_of(titles | {"download/training_set.tar": inner}, "w:gz"))


def by_hand(rows, protocol, validation):
    """The published rule in plain Python: lists of (user, item) of train, given and test."""
    if protocol.min_rating:
        rows = [row for row in rows if row[2] > 3.5]
    items = [i for _, i, _ in rows]
    rows = [row for row in rows if items.count(row[1]) >= protocol.min_item_users]
    users = [u for u, _, _ in rows]
    chosen = sorted(u for u in set(users) if users.count(u) >= protocol.min_user_items)
    np.random.seed(98765)  # noqa: NPY002 - the generator of the publication
    chosen = [chosen[n] for n in np.random.permutation(len(chosen))]  # noqa: NPY002
    first = len(chosen) - (2 if validation else 1) * protocol.n_held_out
    held_out = chosen[first : first + protocol.n_held_out]
    train_users = chosen[: len(chosen) - 2 * protocol.n_held_out]
    train = [(u, i) for u, i, _ in rows if u in train_users]
    catalogue = {i for _, i in train}
    given, test = [], []
    np.random.seed(98765)  # noqa: NPY002
    for user in sorted(held_out):
        own = [(u, i) for u, i, _ in rows if u == user and i in catalogue]
        drawn = set()
        if len(own) >= 5:
            drawn = set(np.random.choice(len(own), size=int(0.2 * len(own)), replace=False))  # noqa: NPY002
        for n, pair in enumerate(own):
            (test if n in drawn else given).append(pair)
    return train, given, test


def pairs(log):
    return list(log.to_frame().select("user_id", "item_id").iter_rows())


def check(split, expected):
    for part, known in zip((split.train, split.given, split.test), expected, strict=True):
        assert known
        assert pairs(part) == sorted(known)
        assert part.n_rated == 0
    catalogue = sorted({item for _, item in expected[0]})
    for part in (split.train, split.given, split.test):
        assert part.items.to_series().to_list() == catalogue
    assert split.given.users == split.test.users
    assert split.given.n_users == HELD_OUT


@pytest.mark.parametrize("kind", ["liang", "liang-validation"])
def test_ml_20m_is_the_published_split(folder, rows, monkeypatch, kind):
    put_movielens(folder, rows, monkeypatch)
    split = split_by_name(f"ml-20m/{kind}")
    assert split.name == f"ml-20m/{kind}"
    check(split, by_hand(rows, PROTOCOLS["ml-20m"], kind != "liang"))


def test_msd_counts_users_of_songs_first_and_keeps_the_order_of_the_file(folder, rows):
    put_msd(folder, rows)
    frame = load_dataset("msd").frame
    assert frame.columns == ["user_id", "item_id"]
    whole = [(user, item, 0.0) for user, item in frame.iter_rows()]
    assert whole != sorted(whole)
    check(split_by_name("msd/liang"), by_hand(whole, PROTOCOLS["msd"], False))
    tight = replace(PROTOCOLS["msd"], min_item_users=12)
    check(Split("tight", *liang_split(frame, tight)), by_hand(whole, tight, False))


def test_a_short_history_is_all_given_and_a_film_outside_training_is_left_out():
    """Fold-in is from 5 interactions up, counted after films without training users are gone."""
    rows = [(u, i, 5.0) for u in range(1, 31) for i in range(1, 6)]
    rows = sorted(rows + [(u, 100 + u, 5.0) for u in range(1, 31)])  # each has a film of their own
    short = replace(PROTOCOLS["ml-20m"], min_user_items=4)
    rows = [row for row in rows if row[1] != 1 or row[0] % 2]  # of the even, four others
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "rating"], orient="row")
    train, given, test = liang_split(frame, short)
    assert [pairs(part) for part in (train, given, test)] == [*by_hand(rows, short, False)]
    odd = given.users.to_series().to_numpy() % 2
    assert 0 < odd.sum() < HELD_OUT
    np.testing.assert_array_equal(np.diff(test.starts), odd)
    np.testing.assert_array_equal(np.diff(given.starts), 4)


def test_both_archives_of_netflix_give_the_same_rows_and_the_rule_of_the_others(folder, rows):
    kaggle = put_kaggle(folder, rows)
    found = load_dataset("netflix")
    whole = sorted(((u, i, float(int(r + 0.5))) for u, i, r in rows), key=lambda row: row[1])
    assert found.frame.select("user_id", "item_id", "rating").rows() == whole
    assert found.frame["timestamp"][0] == 1125705600  # 2005-09-03, of film 2
    assert found.item_titles()[3] == "Character, the café"
    split = split_by_name("netflix/liang")
    check(split, by_hand(whole, PROTOCOLS["netflix"], False))
    kaggle.unlink()
    put_original(folder, rows)
    original = load_dataset("netflix")
    assert original.source.endswith("nf_prize_dataset.tar.gz")
    assert original.frame.equals(found.frame)
    assert original.item_titles() == found.item_titles()


def test_the_split_has_the_metrics_of_the_publication(folder, rows, monkeypatch):
    put_movielens(folder, rows, monkeypatch)
    split = split_by_name("ml-20m/liang")
    found = evaluate(Popularity().fit(split.train), split)
    for name in ("ndcg@100", "recall@20", "recall@50"):
        assert 0 < found.metrics[name] <= 1
    assert found.metrics["rmse"] is None


def test_what_a_person_has_to_fetch_is_named_with_its_page_and_its_place(folder):
    for name, page in {"netflix": "kaggle.com", "msd": "millionsongdataset.com"}.items():
        with pytest.raises(DatasetError, match=page) as raised:
            split_by_name(f"{name}/liang")
        assert str(folder / name) in str(raised.value)
    listed = {row["name"]: row for row in available_datasets().to_dicts()}
    assert listed["msd"]["where"] == "by hand: http://millionsongdataset.com/tasteprofile/"
    put_kaggle(folder, [(1, 1, 4.0)], "archive.zip")
    listed = {row["name"]: row for row in available_datasets().to_dicts()}
    assert listed["netflix"] == {
        "name": "netflix",
        "where": str(folder / "netflix"),
        "is_here": True,
    }


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"readme.txt": "x"}, "has no ratings"),
        ({"combined_data_1.txt": "1:\n7,3,2005-09-06\n"}, "has no titles"),
        ({"combined_data_1.txt": "1:\n7,x,2005-09-06\n", "movie_titles.csv": TITLES}, "damaged"),
        ({"combined_data_1.txt": "1:\n7,3,2005-09-06\n", "movie_titles.csv": "x\n"}, "damaged"),
    ],
)
def test_an_archive_that_is_not_of_netflix_is_refused(folder, members, message):
    put(folder, "netflix", "archive.zip", members)
    with pytest.raises(DatasetError, match=message):
        load_dataset("netflix")


def test_a_cut_archive_is_refused(folder, rows):
    put_original(folder, rows)
    path = folder / "netflix" / "nf_prize_dataset.tar.gz"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DatasetError, match=r"damaged|complete"):
        load_dataset("netflix")


def test_a_log_that_does_not_fit_the_protocol_is_refused(folder):
    few = pl.DataFrame({"user_id": [1, 1], "item_id": [1, 2], "rating": [5.0, 4.0]})
    with pytest.raises(DataError, match="1 users with 2 interactions or more are left"):
        liang_split(few, Protocol(1, 2, min_rating=4))
    with pytest.raises(DataError, match="no column for ratings"):
        liang_split(few.drop("rating"), Protocol(1, 2, min_rating=4))
    with pytest.raises(SettingError, match="ml-1m has no split 'liang', which is for ml-20m"):
        split_by_name("ml-1m/liang", folder)


def test_ml_10m_has_a_random_tenth(folder, rows, monkeypatch):
    put_movielens(folder, rows, monkeypatch)
    lines = "".join(f"{u}::{i}::{r:g}::{838985046 + n}\n" for n, (u, i, r) in enumerate(rows))
    members = {"ratings.dat": lines, "movies.dat": "1::Léon: 2 (1994)::Action|Drama\n"}
    members |= {"tags.dat": "15::4973::excellent!::1215184630\n"}
    put(folder, "ml-10m", "ml-10m.zip", {f"ml-10M100K/{k}": v for k, v in members.items()})
    split = split_by_name("ml-10m/r0")
    assert len(split.test) == len(rows) // 10
    assert len(split.train) + len(split.test) == len(rows)
    assert split.train.levels.values == tuple(n / 2 for n in range(2, 11))
    assert load_dataset("ml-10m").item_titles() == {1: "Léon: 2 (1994)"}
