"""What every request passes: keys, hosts, limits, request ids, counts and the log."""

import asyncio
import json
import logging
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from conv4rec.errors import SavedModelError, SettingError
from conv4rec.serve import gate as gate_module
from conv4rec.serve.app import make_app
from conv4rec.serve.gate import Gate
from conv4rec.serve.log_lines import JsonLines
from conv4rec.serve.metrics import Metrics
from conv4rec.serve.settings import named_folders, read_keys
from conv4rec.serve.turns import FullError, Turns

pytestmark = pytest.mark.usefixtures("no_running_loop")

KEYS = "an-old-key-of-1234\n a-new-key-of-1234 \n"


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "keys.txt"
    path.write_text(KEYS)
    return str(path)


class TestKeys:
    @pytest.fixture
    def locked(self, settings, key_file):
        app = make_app(replace(settings, host="0.0.0.0", keys=read_keys(key_file)))
        with TestClient(app, base_url="http://any.name") as client:
            yield client

    @pytest.mark.parametrize("key", ["an-old-key-of-1234", "a-new-key-of-1234"])
    def test_each_key_of_the_file_opens(self, locked, key):
        assert locked.get("/v1/models", headers={"X-API-Key": key}).status_code == 200

    @pytest.mark.parametrize("key", [None, "", "an-old-key-of-123", "an-old-key-of-12345", "é"])
    @pytest.mark.parametrize(
        "path", ["/v1/models", "/metrics", "/v2/models/small", "/v2", "/nowhere"]
    )
    def test_nothing_else_does(self, locked, key, path):
        headers = {} if key is None else {"X-API-Key": key.encode("latin-1")}
        said = locked.get(path, headers=headers)
        assert (said.status_code, list(said.json())) == (401, ["error"])

    @pytest.mark.parametrize(
        "path", ["/v2/health/live", "/v2/health/ready", "/docs", "/openapi.json"]
    )
    def test_probes_and_the_reference_need_none(self, locked, path):
        said = locked.get(path)
        assert said.status_code == 200
        assert "small" not in said.text

    def test_the_reference_tells_of_the_key_where_one_is_needed(self, locked, client):
        paths = locked.get("/openapi.json").json()["paths"]
        needing = {path for path, routes in paths.items() if "security" in str(routes)}
        assert needing == set(paths) - {"/v2/health/live", "/v2/health/ready"}
        assert "X-API-Key: &lt;key&gt;" in locked.get("/docs").text
        assert "X-API-Key: " not in client.get("/docs").text

    @pytest.mark.parametrize("text", ["", "\n \n", "short", "sixteen-letters-é"])
    def test_a_file_without_good_keys_is_refused(self, tmp_path, text):
        path = tmp_path / "keys.txt"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(SettingError, match="key"):
            read_keys(str(path))

    def test_so_is_a_missing_one(self, tmp_path):
        with pytest.raises(SettingError, match="cannot be read"):
            read_keys(str(tmp_path / "none"))


class TestSettings:
    @pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.7", "::", "my-machine"])
    def test_other_machines_need_a_key(self, settings, host):
        with pytest.raises(SettingError, match="--api-key-file"):
            replace(settings, host=host)

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
    def test_this_machine_needs_none(self, settings, host):
        assert replace(settings, host=host).is_loopback

    @pytest.mark.parametrize(
        "change", [{"port": 70_000}, {"n_workers": 0}, {"most_waiting": -1}, {"models": {}}]
    )
    def test_ranges(self, settings, change):
        with pytest.raises(SettingError):
            replace(settings, **change)

    def test_folders_have_names_of_their_own(self, folder, tmp_path):
        assert list(named_folders([f"{folder}/"])) == ["small"]
        with pytest.raises(SettingError, match="both named 'small'"):
            named_folders([str(folder), str(folder)])
        with pytest.raises(SavedModelError, match="there is no folder"):
            named_folders([str(tmp_path / "none")])
        (tmp_path / "a b").mkdir()
        with pytest.raises(SettingError, match="got 'a b'"):
            named_folders([str(tmp_path / "a b")])


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1:8000", 200), ("localhost", 200), ("[::1]:80", 200), ("LOCALHOST:1", 200),
     ("evil.example", 421), ("127.0.0.1.evil.example", 421), ("127.0.0.1:80x", 421)],
)  # fmt: skip
def test_without_a_key_only_this_machine_is_meant(client, host, status):
    assert client.get("/v1/models", headers={"host": host}).status_code == status


def test_request_ids_are_kept_if_plain(client):
    given = client.get("/v2", headers={"X-Request-ID": "order-66"})
    assert given.headers["x-request-id"] == "order-66"
    odd = client.get("/v2", headers={"X-Request-ID": 'x"},{"'})
    assert len(odd.headers["x-request-id"]) == 32


def test_answers_are_not_to_be_kept_or_framed(client):
    headers = client.get("/v1/models").headers
    assert headers["cache-control"] == "no-store"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in client.get("/docs").headers["content-security-policy"]


def test_the_log_names_no_user_and_no_item(client, caplog):
    caplog.set_level(logging.INFO, "conv4rec.serve")
    path = "/v1/models/small/recommend"
    client.post(path, json={"users": ["u07"]})
    client.post(path, json={"users": ["somebody"]})
    client.post(path, json={"history": {"i07": 5}})
    client.get("/v1/models/somebody-elses")
    lines = [json.loads(JsonLines().format(record)) for record in caplog.records]
    assert [line["status"] for line in lines] == [200, 404, 200, 404]
    assert lines[0]["route"] == "/v1/models/{name}/recommend"
    text = json.dumps(lines)
    assert not any(word in text for word in ("u07", "i07", "somebody"))


def test_the_counts(client):
    path = "/v1/models/small/recommend"
    client.post(path, json={"history": {"nothing": 5, "known": 4}, "k": 1000})
    page = client.get("/metrics").text
    labels = 'model="small",route="/v1/models/{name}/recommend",status="200"'
    assert f"conv4rec_requests_total{{{labels}}}" in page
    for name in ("short_lists", "unknown_items", "fallbacks"):
        assert f'conv4rec_{name}_total{{model="small"}}' in page
    assert 'conv4rec_model_info{model="small",version="' in page
    assert "conv4rec_request_seconds_bucket" in page


# The gate alone, with clients that no test client would play.


def asked(app, settings, receive, **scope):
    """What the gate sends for a request whose parts `receive` gives."""
    sent = []

    async def send(message):
        sent.append(message)

    whole = {"type": "http", "method": "POST", "path": "/", "headers": [], **scope}
    asyncio.run(Gate(app, settings, Metrics())(whole, receive, send))
    return sent


async def never_asked(*_):
    raise AssertionError("a request that should not have come this far")


def parts(*messages):
    waiting = list(messages)

    async def receive():
        if waiting:
            return waiting.pop(0)
        await asyncio.sleep(60)  # longer than any test waits
        return {"type": "http.disconnect"}

    return receive


def test_a_client_that_never_ends_its_request_is_told_so(settings, monkeypatch):
    monkeypatch.setattr(gate_module, "BODY_SECONDS", 0.01)
    receive = parts({"type": "http.request", "body": b"{", "more_body": True})
    start, body = asked(never_asked, settings, receive)
    assert start["status"] == 408
    assert (b"connection", b"close") in start["headers"]
    assert b"not complete" in body["body"]


def test_too_much_is_refused_though_no_length_was_given(settings):
    part = {"type": "http.request", "body": b" " * 2**19, "more_body": True}
    start, _ = asked(never_asked, settings, parts(part, part, part))
    assert start["status"] == 413


def test_too_much_is_refused_before_it_is_read(settings):
    headers = [(b"content-length", b"99999999999999999999999999")]
    start, _ = asked(never_asked, settings, parts(), headers=headers)
    assert start["status"] == 413


def test_a_client_that_hangs_up_is_not_answered(settings):
    assert asked(never_asked, settings, parts({"type": "http.disconnect"})) == []


def test_a_client_that_hangs_up_while_it_waits_waits_no_more(settings):
    ended = []

    async def slow(*_):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append(True)
            raise

    receive = parts({"type": "http.request", "body": b""}, {"type": "http.disconnect"})
    assert asked(slow, settings, receive) == []
    assert ended == [True]


def test_what_comes_after_an_answer_is_not_broken_off(settings):
    """Servers tell of the end of a connection as soon as the answer is sent."""
    ended = []

    async def scene():
        is_sent, waiting = asyncio.Event(), [{"type": "http.request", "body": b""}]

        async def receive():
            if waiting:
                return waiting.pop()
            await is_sent.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            if message["type"] == "http.response.body":
                is_sent.set()

        async def app(_scope, _receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            for _ in range(10):
                await asyncio.sleep(0)
            ended.append(True)

        scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        await Gate(app, settings, Metrics())(scope, receive, send)

    asyncio.run(scene())
    assert ended == [True]


def test_a_fault_is_one_sentence_without_what_it_was_about(settings, caplog):
    who = "u07"

    async def faulty(*_):
        raise RuntimeError(f"user {who} has a secret")

    start, body = asked(faulty, settings, parts({"type": "http.request", "body": b""}))
    assert start["status"] == 500
    assert b"a fault of this service: request " in body["body"]
    [fault] = [r for r in caplog.records if r.getMessage() == "fault"]
    line = JsonLines().format(fault)
    assert "RuntimeError" in line
    assert "faulty" in line
    assert who not in line


class TestTurns:
    def test_one_more_than_may_wait_is_refused_at_once(self):
        async def scene():
            turns, gate = Turns(most_waiting=1, patience=600), asyncio.Event()
            loop = asyncio.get_running_loop()

            def hold():
                asyncio.run_coroutine_threadsafe(gate.wait(), loop).result()
                return "held"

            first = asyncio.create_task(turns.run(hold))
            second = asyncio.create_task(turns.run(lambda: "second"))
            await asyncio.sleep(0)
            with pytest.raises(FullError):
                await turns.run(lambda: "third")
            gate.set()
            assert await asyncio.gather(first, second) == ["held", "second"]
            while turns.n_inside:
                await asyncio.sleep(0)
            assert await turns.run(lambda: "later") == "later"
            turns.close()

        asyncio.run(scene())

    def test_a_turn_that_comes_too_late_is_refused(self):
        ran = []

        async def scene():
            turns = Turns(most_waiting=5, patience=-1.0)
            with pytest.raises(FullError):
                await turns.run(lambda: ran.append("late"))
            turns.close()

        asyncio.run(scene())
        assert ran == []

    def test_who_has_gone_is_not_computed_for(self):
        async def scene():
            turns, gate, ran = Turns(5, patience=600), asyncio.Event(), []
            loop = asyncio.get_running_loop()
            first = asyncio.create_task(
                turns.run(lambda: asyncio.run_coroutine_threadsafe(gate.wait(), loop).result())
            )
            gone = asyncio.create_task(turns.run(lambda: ran.append("gone")))
            await asyncio.sleep(0)
            gone.cancel()
            await asyncio.sleep(0)
            gate.set()
            await first
            await turns.run(lambda: ran.append("next"))
            assert ran == ["next"]
            turns.close()

        asyncio.run(scene())


def test_full_is_503_and_says_when_to_come_back(settings):
    app = make_app(settings)
    with TestClient(app, base_url="http://127.0.0.1") as client:
        app.state.engine.turns.most_waiting = -1
        said = client.post("/v1/models/small/recommend", json={"history": {}})
        assert (said.status_code, said.headers["retry-after"]) == (503, "1")
        assert client.get("/v2/health/ready").status_code == 200
