"""A download is whole and the owner's, or it is not there; and the reader learns what to do."""

import hashlib
import io
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from conv4rec.data.fetch import DataSource, fetch
from conv4rec.errors import DatasetError

BUFFER = io.BytesIO()
with zipfile.ZipFile(BUFFER, "w") as archive:
    archive.writestr(zipfile.ZipInfo("ratings.csv"), "user,item\n1,2\n" * 5000)
CONTENT = BUFFER.getvalue()


class Owner(BaseHTTPRequestHandler):
    """Serves the archive; cut short at /cut/, missing at /gone/, a web page at /portal/."""

    def do_GET(self):
        if "gone" in self.path:
            self.send_error(404)
            return
        body = b"<html>log in first</html>" if "portal" in self.path else CONTENT
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if "cut" in self.path else body)

    def log_message(self, format, *args):
        """Keep the test output quiet."""


@pytest.fixture(scope="module")
def owner():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Owner)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def source(url, checksum=None):
    return DataSource("toy", f"{url}/toy.zip", checksum, "free for all")


def digest(algorithm):
    return f"{algorithm}:{hashlib.new(algorithm, CONTENT).hexdigest()}"


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_a_good_download_is_checked_and_its_licence_and_checksum_shown(owner, tmp_path, algorithm):
    messages = []
    path = fetch(source(owner, digest(algorithm)), tmp_path / "toy", messages.append)
    assert path == tmp_path / "toy" / "toy.zip"
    assert path.read_bytes() == CONTENT
    assert [file.name for file in path.parent.iterdir()] == ["toy.zip"]
    assert "free for all" in messages[0]
    assert digest(algorithm) in messages[1]


def test_a_file_that_exists_is_not_fetched_again(owner, tmp_path):
    fetch(source(owner, digest("md5")), tmp_path, str)
    messages = []
    fetch(source("http://127.0.0.1:9", digest("md5")), tmp_path, messages.append)
    assert messages == []


def test_without_a_published_checksum_the_computed_one_is_written_down(owner, tmp_path):
    messages = []
    fetch(source(owner), tmp_path, messages.append)
    seen = hashlib.sha256(CONTENT).hexdigest()
    assert (tmp_path / "toy.zip.sha256").read_text() == f"{seen}  toy.zip\n"
    assert seen in messages[1]


@pytest.mark.parametrize(
    ("place", "checksum", "reason"),
    [
        ("", "md5:" + "0" * 32, "has the md5 .* but 0000"),
        ("/cut", digest("md5"), "connection was cut"),
        ("/cut", None, "connection was cut"),
        ("/gone", None, "answered with an error"),
        ("/portal", None, "not a complete zip"),
    ],
)
def test_a_bad_download_leaves_no_file_and_says_what_to_do(
    owner, tmp_path, place, checksum, reason
):
    with pytest.raises(DatasetError, match=reason) as raised:
        fetch(source(owner + place, checksum), tmp_path, str)
    assert f"download {owner}{place}/toy.zip and save it as {tmp_path / 'toy.zip'}" in str(
        raised.value
    )
    assert list(tmp_path.iterdir()) == []


def test_no_network_says_what_to_do(tmp_path):
    with pytest.raises(DatasetError, match=r"no connection.*To do it by hand"):
        fetch(source("http://127.0.0.1:9"), tmp_path, str)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_says_what_to_do(owner, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DatasetError, match="To do it by hand"):
        fetch(source(owner), tmp_path / "file", str)


def test_a_damaged_file_already_there_is_named_and_left_alone(tmp_path):
    for checksum in (digest("md5"), None):
        (tmp_path / "toy.zip").write_bytes(CONTENT[:-30])
        with pytest.raises(DatasetError, match=r"toy\.zip .*: delete it"):
            fetch(source("http://127.0.0.1:9", checksum), tmp_path, str)
        assert (tmp_path / "toy.zip").exists()
