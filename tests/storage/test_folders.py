"""A saved folder is the old one or the new one, and a changed byte is an error."""

import hashlib
import json
import os
import pickle
import stat

import numpy as np
import pytest
from safetensors.numpy import load as safetensors_load
from safetensors.numpy import save as safetensors_save

from conv4rec.errors import SavedModelError
from conv4rec.storage.folders import load_folder, save_folder
from conv4rec.storage.mapped import MAPPED_BYTES, arrays_of, checksum

OLD = {"weights": {"a": np.arange(6.0).reshape(2, 3)}, "ids": {"users": np.array([2, 3])}}
NEW = {"weights": {"a": np.ones((3, 3))}, "ids": {"users": np.array([2, 3])}}
FACTS = {"name": "ünïcode", "n": 3}


@pytest.fixture
def folder(tmp_path):
    save_folder(tmp_path / "saved", "model", OLD, FACTS)
    return tmp_path / "saved"


def assert_holds(folder, parts, facts=FACTS):
    loaded, loaded_facts = load_folder(folder, "model")
    assert loaded_facts == facts
    assert loaded.keys() == parts.keys()
    for stem, arrays in parts.items():
        assert loaded[stem].keys() == arrays.keys()
        for name, array in arrays.items():
            assert loaded[stem][name].dtype == array.dtype
            assert np.array_equal(loaded[stem][name], array)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def rewrite(folder, change):
    """Change the manifest and make its checksum right again, as an attacker could."""
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["sha256"]
    manifest = change(manifest) or manifest
    text = json.dumps(manifest, sort_keys=True)
    manifest["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_load_returns_what_was_saved(folder):
    assert_holds(folder, OLD)


def test_a_save_replaces_the_one_before_and_leaves_nothing_of_it(folder):
    (folder / ".saving-123-abc").write_bytes(b"left by a killed process")
    save_folder(folder, "model", NEW, {"n": 4})
    assert_holds(folder, NEW, {"n": 4})
    assert len(list(folder.iterdir())) == 3


@pytest.mark.parametrize("parts", [{}, {"weights": {}}, {"weights": {"a": np.zeros((0, 3))}}])
def test_empty_parts_are_kept(parts, tmp_path):
    save_folder(tmp_path / "saved", "model", parts, {})
    assert_holds(tmp_path / "saved", parts, {})


def test_any_flipped_bit_in_any_file_is_an_error(folder, rng):
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        places = {0, 1, 7, 8, 9, len(content) - 1, *rng.integers(0, len(content), 40).tolist()}
        for place in places:
            changed = bytearray(content)
            changed[place] ^= 1 << int(rng.integers(8))
            path.write_bytes(changed)
            if path.suffix == ".json" and json_of(changed) == json.loads(content):
                continue  # white space outside the facts
            with pytest.raises(SavedModelError):
                load_folder(folder, "model")
        path.write_bytes(content)
    assert_holds(folder, OLD)


def json_of(content):
    try:
        return json.loads(content)
    except ValueError:
        return None


def test_any_truncated_or_empty_or_longer_file_is_an_error_that_names_it(folder):
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        for changed in (b"", content[:1], content[: len(content) // 2], content[:-1],
                        content + b"x"):  # fmt: skip
            path.write_bytes(changed)
            with pytest.raises(SavedModelError) as error:
                load_folder(folder, "model")
            assert path.name in str(error.value)
        path.write_bytes(content)


def test_a_missing_file_is_an_error_that_names_it(folder):
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        path.unlink()
        with pytest.raises(SavedModelError, match=path.name):
            load_folder(folder, "model")
        path.write_bytes(content)


def test_a_part_swapped_between_two_folders_is_an_error(folder, tmp_path):
    save_folder(tmp_path / "other", "model", NEW, FACTS)
    (theirs,) = (tmp_path / "other").glob("weights-*")
    (ours,) = folder.glob("weights-*")
    ours.write_bytes(theirs.read_bytes())
    with pytest.raises(SavedModelError, match="damaged"):
        load_folder(folder, "model")


def test_random_bytes_never_crash_the_loader(folder, rng):
    (part,) = folder.glob("weights-*")
    for n in [0, 1, 8, 9, 100, 10_000] * 5:
        for path in (part, folder / "manifest.json"):
            before = path.read_bytes()
            path.write_bytes(rng.bytes(n))
            with pytest.raises(SavedModelError):
                load_folder(folder, "model")
            path.write_bytes(before)


@pytest.mark.parametrize(
    "text", ["", "null", "3", "[]", "{}", '"manifest"', "[" * 100_000, '{"schema": 1}', "\ud800"]
)
def test_other_json_is_not_a_manifest(folder, text):
    (folder / "manifest.json").write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(SavedModelError, match=r"manifest\.json"):
        load_folder(folder, "model")


@pytest.mark.parametrize(
    "name",
    ["../secret.safetensors", "/etc/passwd", "a/b.safetensors", "..", "", "manifest.json", 3, None],
)
def test_a_manifest_cannot_point_out_of_its_folder(folder, name):
    (folder.parent / "secret.safetensors").write_bytes(next(folder.glob("weights-*")).read_bytes())
    rewrite(folder, lambda manifest: manifest["files"]["weights"].update(file=name))
    with pytest.raises(SavedModelError, match=r"outside its folder|not written by conv4rec"):
        load_folder(folder, "model")


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.update(files=[]),
        lambda m: m.update(facts=[]),
        lambda m: m["files"].update(weights="weights"),
        lambda m: m["files"].update(weights={}),
        lambda m: m["files"]["weights"].update(sha256=1),
        lambda m: m.update(kind=None),
    ],
)
def test_a_manifest_of_another_form_is_refused(folder, change):
    rewrite(folder, change)
    with pytest.raises(SavedModelError):
        load_folder(folder, "model")


def test_a_newer_schema_asks_for_an_upgrade(folder):
    rewrite(folder, lambda manifest: manifest.update(schema=99))
    with pytest.raises(SavedModelError, match=r"schema 99.*upgrade"):
        load_folder(folder, "model")


def test_an_earlier_schema_says_to_fit_again(folder):
    rewrite(folder, lambda manifest: manifest.update(schema=2))
    with pytest.raises(SavedModelError, match=r"schema 2, .*reads schema 3: fit the model again"):
        load_folder(folder, "model")


def test_another_kind_of_folder_is_named_and_not_overwritten(folder):
    with pytest.raises(SavedModelError, match="holds a model, not a training checkpoint"):
        load_folder(folder, "training checkpoint")
    with pytest.raises(SavedModelError, match="not a training checkpoint"):
        save_folder(folder, "training checkpoint", NEW, FACTS)
    assert_holds(folder, OLD)


def test_a_linked_part_is_refused(folder):
    (part,) = folder.glob("weights-*")
    part.rename(folder.parent / "elsewhere")
    part.symlink_to(folder.parent / "elsewhere")
    with pytest.raises(SavedModelError, match="outside its folder"):
        load_folder(folder, "model")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_named_pipe_in_the_place_of_a_part_is_refused(folder):
    (part,) = folder.glob("weights-*")
    part.unlink()
    os.mkfifo(part)
    with pytest.raises(SavedModelError, match="missing"):
        load_folder(folder, "model")


class Bomb:
    """Unpickling this would create a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("name", ["model.pt", "model.pkl", "model.joblib", "manifest.json"])
def test_a_pickle_is_refused_and_never_opened(tmp_path, name):
    folder, exploded = tmp_path / "foreign", tmp_path / "exploded"
    folder.mkdir()
    (folder / name).write_bytes(pickle.dumps(Bomb(str(exploded))))
    with pytest.raises(SavedModelError):
        load_folder(folder, "model")
    with pytest.raises(SavedModelError):  # nor is a file taken for a folder
        load_folder(folder / name, "model")
    assert not exploded.exists()


def test_a_pickle_in_the_place_of_a_part_is_not_opened(folder, tmp_path):
    (part,) = folder.glob("weights-*")
    bomb = pickle.dumps(Bomb(str(tmp_path / "exploded")))
    part.write_bytes(bomb)
    rewrite(folder, lambda m: m["files"]["weights"].update(crc32=checksum(bomb)))
    with pytest.raises(SavedModelError, match="not a safetensors file"):
        load_folder(folder, "model")
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    "files",
    [
        {"notes.txt": b"mine"},
        {"model.safetensors": b"of another library"},
        {"manifest.json": b'{"name": "a web app", "schema": 1}'},
        {"manifest.json": b'["schema"]'},
        {"manifest.json": b"not json"},
        {".saving-1": b"", "thesis.docx": b"mine"},
    ],
)
def test_a_foreign_folder_is_refused_and_left_untouched(tmp_path, files):
    folder = tmp_path / "theirs"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    with pytest.raises(SavedModelError, match="choose a new or empty folder"):
        save_folder(folder, "model", NEW, FACTS)
    assert contents(folder) == files


def test_files_added_to_a_saved_folder_are_left_alone(folder):
    added = {"notes.txt": b"mine", "adapter.safetensors": b"mine too"}
    for name, content in added.items():
        (folder / name).write_bytes(content)
    save_folder(folder, "model", NEW, FACTS)
    assert added.items() <= contents(folder).items()
    assert_holds(folder, NEW)


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"mine")
    for path in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / ("x" * 300)):
        with pytest.raises(SavedModelError):
            save_folder(path, "model", NEW, FACTS)
    assert (tmp_path / "file").read_bytes() == b"mine"


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_saved_files_have_the_mode_of_new_files(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        save_folder(tmp_path / "saved", "model", OLD, FACTS)
    finally:
        assert os.umask(before) == umask
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "saved").iterdir()}
    assert modes == {mode}


def test_arrays_are_mapped_and_writing_to_them_leaves_the_file(folder):
    large = np.arange(MAPPED_BYTES)
    save_folder(folder, "model", {"weights": {"a": large}}, FACTS)
    before = contents(folder)
    array = load_folder(folder, "model")[0]["weights"]["a"]
    assert not array.flags.owndata
    assert np.array_equal(array, large)
    array += 1
    assert contents(folder) == before


def test_a_save_of_an_earlier_version_is_checked_by_its_sha256(folder):
    rewrite(folder, lambda m: [entry.pop("crc32") for entry in m["files"].values()] and None)
    assert_holds(folder, OLD)
    (part,) = folder.glob("weights-*")
    part.write_bytes(part.read_bytes()[:-1] + b"x")
    with pytest.raises(SavedModelError, match="damaged"):
        load_folder(folder, "model")


@pytest.mark.parametrize(
    "header",
    [
        '{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}',
        '{"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}',
        '{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, -4]}}',
        '{"a": {"dtype": "O", "shape": [1], "data_offsets": [0, 4]}}',
        '{"a": {"dtype": "F32", "shape": "x", "data_offsets": [0, 4]}}',
        '{"a": 3}', "[]", "3", "{", '{"a": {}}', "{}",
    ],
)  # fmt: skip
def test_a_header_that_does_not_fit_its_file_is_no_file_of_arrays(folder, header):
    content = len(header).to_bytes(8, "little") + header.encode() + bytes(4)
    (part,) = folder.glob("weights-*")
    part.write_bytes(content)
    rewrite(folder, lambda m: m["files"]["weights"].update(crc32=checksum(content)))
    with pytest.raises(SavedModelError, match="not a safetensors file"):
        load_folder(folder, "model")


def test_every_type_is_read_as_safetensors_reads_it():
    types = ["?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"]
    arrays = {t: np.arange(6).reshape(2, 3).astype(t) for t in types} | {"none": np.zeros((0, 3))}
    content = safetensors_save(arrays)
    found, expected = arrays_of(content), safetensors_load(content)
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        assert np.array_equal(found[name], array)
