"""A model behind an API: asked patiently, answered in order, every failure told in one line. The server is a double."""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tunesmith.errors import ModelError, UsageError
from tunesmith.lm import NoAnswers, Sampling
from tunesmith.model import remote
from tunesmith.model.remote import MAX_FAILURES, RemoteModel, _to_api
from tunesmith.records import Message


def completion(text: str, finish_reason: str = "stop", **message) -> dict:
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": finish_reason}
    return {"choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}


class Double:
    """An OpenAI-compatible server: ``reply(body, k)`` gives (status, answer, headers) for the k-th request."""

    def __init__(self, reply):
        self.reply, self.asked, self.headers, self.active, self.most_active = reply, [], [], 0, 0
        double, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    double.asked.append((self.path, body))
                    double.headers.append(dict(self.headers))
                    double.active += 1
                    double.most_active = max(double.most_active, double.active)
                    number = len(double.asked)
                answer = double.reply(body, number)
                with lock:  # before it leaves: the client asks again the moment it has it
                    double.active -= 1
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    self._answer(*answer)

            def _answer(self, status, answer, headers=None):
                if status is None:
                    return self.connection.close()
                raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                for name, text in {"Content-Type": "application/json", **(headers or {})}.items():
                    self.send_header(name, text)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)
                return None

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


@pytest.fixture
def serve(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    doubles = []

    def start(reply, **settings):
        doubles.append(Double(reply))
        return doubles[-1], RemoteModel(
            "m", doubles[-1].url, **{"first_pause_s": 0.01, "max_retries": 3, "timeout_s": 2.0, **settings}
        )

    yield start
    for double in doubles:
        double.server.shutdown()
        double.server.server_close()


def ask(model: RemoteModel, *texts: str, sampling: Sampling = Sampling(), **settings):
    return model.generate([[Message("user", text)] for text in texts or ("hi",)], sampling, **settings)


def fails(model: RemoteModel) -> str:
    with pytest.raises(ModelError) as caught:
        ask(model)
    assert "\n" not in str(caught.value) and caught.value.exit_code == 4
    return str(caught.value)


def test_an_answer_carries_text_reason_and_counts(serve):
    double, model = serve(lambda body, k: (200, completion("four", "length")))
    (answer,) = ask(
        model, sampling=Sampling(max_new_tokens=7, temperature=0.5, top_p=0.9, seed=3, stop=("a", "b", "c", "d", "e"))
    )
    assert (answer.text, answer.finish_reason, answer.num_prompt_tokens, answer.num_completion_tokens) == (
        "four",
        "length",
        3,
        2,
    )
    path, body = double.asked[0]
    assert path == "/v1/chat/completions" and body["messages"] == [{"role": "user", "content": "hi"}]
    assert (body["model"], body["max_tokens"], body["temperature"], body["top_p"], body["seed"]) == (
        "m",
        7,
        0.5,
        0.9,
        3,
    )
    assert body["stop"] == ["a", "b", "c", "d"]


def test_every_stop_string_is_applied_here_too(serve):
    _, model = serve(lambda body, k: (200, completion("one e two")))
    assert ask(model, sampling=Sampling(stop=("a", "b", "c", "d", "e")))[0].text == "on"


def test_answers_come_in_the_order_of_the_questions_with_bounded_concurrency(serve):
    def reply(body, k):
        text = body["messages"][0]["content"]
        time.sleep(0.05 if int(text) % 2 else 0.01)
        return 200, completion(text)

    double, model = serve(reply, concurrency=3)
    told = {}
    answers = ask(model, *(str(k) for k in range(12)), on_answer=told.__setitem__)
    assert [answer.text for answer in answers] == [str(k) for k in range(12)]
    assert told == dict(enumerate(answers)) and 1 < double.most_active <= 3


def test_no_questions_are_no_requests(serve):
    double, model = serve(lambda body, k: (200, completion("x")))
    assert model.generate([]) == [] and double.asked == []


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
def test_a_busy_or_failing_server_is_asked_again(serve, status):
    double, model = serve(
        lambda body, k: (status, {"error": {"message": "busy"}}) if k < 3 else (200, completion("done"))
    )
    assert ask(model)[0].text == "done" and len(double.asked) == 3


def test_pauses_grow_and_follow_what_the_server_asks_for(serve, monkeypatch):
    _, model = serve(lambda body, k: (429, {}, {"Retry-After": "7"}) if k == 4 else (503, {}), first_pause_s=1.0)
    waits = []
    monkeypatch.setattr(model._given_up, "wait", waits.append)
    fails(model)
    assert 0.75 <= waits[0] <= 1.25 and 1.5 <= waits[1] <= 2.5 and 3 <= waits[2] <= 5 and len(waits) == 3
    _, model = serve(lambda body, k: (429, {}, {"Retry-After": "7"}), first_pause_s=0.01, max_retries=1)
    waits.clear()
    monkeypatch.setattr(model._given_up, "wait", waits.append)
    fails(model)
    assert waits == [7.0]


def test_a_dropped_connection_is_tried_again(serve):
    double, model = serve(lambda body, k: (None, None) if k == 1 else (200, completion("back")))
    assert ask(model)[0].text == "back" and len(double.asked) == 2


FAILURES = [
    (401, {"error": {"message": "bad key"}}, "HTTP 401 (bad key). Set OPENAI_API_KEY.", 1),
    (403, {"error": "no access"}, "HTTP 403 (no access). The key may not use this model.", 1),
    (
        404,
        {"error": {"message": "no model m"}},
        "HTTP 404 (no model m). Check the model's name and the URL (usually …/v1).",
        1,
    ),
    (400, {"error": {"message": "line\nbreak " + "x" * 500}}, "HTTP 400 (line break xxx", 1),
    (422, b"<html>no json</html>", "HTTP 422.", 1),
    (
        429,
        {"error": {"message": "quota"}},
        "HTTP 429 (quota). Too many requests, or the quota is used up; try again later.",
        4,
    ),
    (500, b"", "HTTP 500. The server fails; try again later.", 4),
]


@pytest.mark.parametrize("status, answer, message, requests", FAILURES, ids=[str(failure[0]) for failure in FAILURES])
def test_a_refusal_is_one_line_with_the_fix(serve, status, answer, message, requests):
    double, model = serve(lambda body, k: (status, answer))
    told = fails(model)
    assert told.startswith(f"m at {double.url}/v1: {message}") and len(told) < 350 and len(double.asked) == requests


@pytest.mark.parametrize(
    "answer", [b"<html>", b"", {"choices": []}, {"object": "list"}, [], {"choices": [{"message": None}]}, "text"]
)
def test_an_answer_that_is_no_completion_is_told_as_such(serve, answer):
    _, model = serve(lambda body, k: (200, answer))
    assert fails(model).endswith("the answer is no chat completion. Is the URL an OpenAI-compatible API (…/v1)?")


def test_a_server_that_does_not_answer_in_time_is_given_up(serve):
    _, model = serve(lambda body, k: (time.sleep(1), (200, completion("late")))[1], timeout_s=0.1, max_retries=1)
    assert fails(model).endswith("no answer in time. Try again, or ask for fewer tokens.")


def test_a_server_that_is_not_there_is_told_as_such(serve):
    double, _ = serve(lambda body, k: (200, {}))
    double.server.server_close()
    model = RemoteModel("m", "http://127.0.0.1:9", max_retries=0)
    assert "cannot be reached" in fails(model) and fails(model).endswith("Is the server running, and the URL right?")


def test_one_final_failure_ends_the_others_that_wait(serve):
    def reply(body, k):
        return (401, {}) if body["messages"][0]["content"] == "bad" else (503, {})

    _, model = serve(reply, first_pause_s=30.0)
    start = time.monotonic()
    with pytest.raises(ModelError):
        ask(model, "a", "b", "bad")
    assert time.monotonic() - start < 25


def test_the_key_is_sent_but_never_told(serve, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", " sk-secret\n")
    double, model = serve(lambda body, k: (401, {"error": {"message": "no"}}))
    told = fails(model)
    assert double.headers[0]["Authorization"] == "Bearer sk-secret"
    assert "secret" not in told and told.endswith("Check OPENAI_API_KEY.")


def test_without_a_key_no_authorization_is_sent(serve):
    double, model = serve(lambda body, k: (200, completion("x")))
    ask(model)
    assert "Authorization" not in double.headers[0]


def test_a_model_that_wants_the_other_name_of_the_limit_gets_it_and_is_remembered(serve):
    def reply(body, k):
        wrong = "max_tokens" in body
        return (
            (400, {"error": {"message": "Use 'max_completion_tokens' instead."}}) if wrong else (200, completion("x"))
        )

    double, model = serve(reply)
    ask(model)
    ask(model)
    assert ["max_tokens" in body for _, body in double.asked] == [True, False, False]


def test_tools_calls_and_their_answers_are_paired(serve):
    calls = ({"name": "f", "arguments": {"x": 1}}, {"name": "g", "arguments": "{}"})
    told = _to_api(
        [
            Message("user", "q"),
            Message("assistant", "", tool_calls=calls),
            Message("tool", "1", name="f"),
            Message("tool", "2"),
        ]
    )
    assert (
        [call["id"] for call in told[1]["tool_calls"]]
        == ["call_0", "call_1"]
        == [row["tool_call_id"] for row in told[2:]]
    )
    assert [call["function"]["arguments"] for call in told[1]["tool_calls"]] == ['{"x": 1}', "{}"]
    called = completion(None, "tool_calls", tool_calls=[{"id": "1", "function": {"name": "f", "arguments": "{}"}}])
    double, model = serve(lambda body, k: (200, called))
    (answer,) = ask(model, tools=[[{"name": "f", "parameters": {}}]])
    assert json.loads(answer.text) == [{"name": "f", "arguments": "{}"}] and answer.finish_reason == "stop"
    assert double.asked[0][1]["tools"] == [{"type": "function", "function": {"name": "f", "parameters": {}}}]


def events(*pieces, end="data: [DONE]\n\n") -> tuple:
    lines = [": keep-alive\n\n", 'data: {"choices": [{"delta": {"role": "assistant"}}]}\n\n']
    lines += [
        f"data: {json.dumps({'choices': [{'delta': {'content': piece}}]}, ensure_ascii=False)}\n\n" for piece in pieces
    ]
    return (
        200,
        "".join([*lines, 'data: {"choices": [], "usage": {}}\n\n', end]).encode(),
        {"Content-Type": "text/event-stream; charset=utf-8"},
    )


def test_a_stream_gives_the_pieces_as_they_come(serve):
    double, model = serve(lambda body, k: events("Hel", "lo", " ✓") if k > 1 else (503, {}))
    assert list(model.stream([Message("user", "hi")])) == ["Hel", "lo", " ✓"]
    assert double.asked[-1][1]["stream"] is True


def test_a_server_that_does_not_stream_is_fine(serve):
    _, model = serve(lambda body, k: (200, completion("whole")))
    assert list(model.stream([Message("user", "hi")])) == ["whole"]


@pytest.mark.parametrize(
    "answer, message",
    [
        (events(end='data: {"error": {"message": "too long"}}\n\n'), ": too long"),
        (events(end='data: {"error": "odd"}\n\n'), "the stream is no chat completion."),
        (events(end="data: {broken\n\n"), "the stream is no chat completion."),
        ((200, b"<html>"), "the answer is no chat completion."),
        ((401, {}), "HTTP 401. Set OPENAI_API_KEY."),
    ],
)
def test_a_stream_that_fails_says_so(serve, answer, message):
    _, model = serve(lambda body, k: answer)
    with pytest.raises(ModelError, match=message.replace(".", r"\.")):
        list(model.stream([Message("user", "hi")]))


def test_a_stream_that_breaks_off_says_so(serve):
    def cut(body, k):
        status, raw, headers = events("Hel")
        return status, raw, {**headers, "Content-Encoding": "gzip"}

    _, model = serve(cut)
    with pytest.raises(ModelError, match="the answer broke off"):
        list(model.stream([Message("user", "hi")]))


@pytest.mark.parametrize(
    "target, model, url",
    [
        ("openai:gpt-x", "gpt-x", "https://api.openai.com/v1"),
        ("openai:org/llama:8b@http://localhost:8000/v1", "org/llama:8b", "http://localhost:8000/v1"),
        ("openai:m@http://localhost:8000", "m", "http://localhost:8000/v1"),
        ("openai:m@https://host/api/v3/", "m", "https://host/api/v3"),
        ("openai:m@https://host/v1/chat/completions", "m", "https://host/v1"),
    ],
)
def test_a_target_names_model_and_address(target, model, url):
    found = RemoteModel.from_target(target)
    assert (found.model, found.url) == (model, url)


@pytest.mark.parametrize("target", ["openai:", "openai:@http://h", "openai:m@host:8000", "other:m", "gpt2"])
def test_a_target_that_names_none_is_refused(target):
    with pytest.raises(UsageError, match="write it as openai:MODEL@URL, for example"):
        RemoteModel.from_target(target)


@pytest.mark.parametrize("url", ["http://", "ftp://host", "host:8000"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(UsageError, match="not the URL of an API. Write it as http://HOST:PORT/v1"):
        RemoteModel("m", url)


# -- servers that misbehave --------------------------------------------------------------------------------------------

UNUSABLE = [
    ((200, b"<html>busy</html>"), "the answer is no chat completion."),
    ((200, {"choices": []}), "the answer is no chat completion."),
    ((200, completion(7)), "the answer is no chat completion."),
    ((200, b'{"choices": [{"message": {"content": "cut'), "the answer is no chat completion."),
    ((200, b"[" * 100_000), "the answer is no chat completion."),
    ((200, completion(None, "content_filter")), "an answer without text (content_filter)."),
    ((200, {"error": {"message": "overloaded"}}), "overloaded."),
    ((400, {"error": {"message": "too many tokens"}}), "HTTP 400 (too many tokens)."),
    ((413, b""), "HTTP 413."),
    ((500, {"error": {"message": "boom"}}), "HTTP 500 (boom)."),
    ((None, None), "the connection failed"),
]


@pytest.mark.parametrize(("answer", "note"), UNUSABLE)
def test_a_question_that_a_working_server_does_not_answer_fails_alone(serve, answer, note):
    _, model = serve(lambda body, k: answer if body["messages"][0]["content"] == "bad" else (200, completion("good")))
    answers = ask(model, "a", "bad", "b", "c")
    assert [answer.text for answer in answers] == ["good", "", "good", "good"]
    assert answers[1].finish_reason == "failed" and answers[1].note.startswith(note)


@pytest.mark.parametrize(("answer", "note"), UNUSABLE)
def test_a_server_that_answers_nothing_usable_is_given_up_soon(serve, answer, note):
    double, model = serve(lambda body, k: answer, concurrency=2)
    told = {}
    with pytest.raises(ModelError) as caught:
        ask(model, *map(str, range(50)), on_answer=told.__setitem__)
    assert note in str(caught.value) and "\n" not in str(caught.value)
    assert len(double.asked) <= (1 + model.max_retries) * (MAX_FAILURES + 2) and len(told) < MAX_FAILURES


@pytest.mark.parametrize(
    ("message", "text"),
    [({"content": None, "refusal": "I will not."}, "I will not."), ({"content": ""}, ""),
     ({"content": [{"type": "text", "text": "in "}, {"type": "text", "text": "parts"}]}, "in parts")],
)  # fmt: skip
def test_what_counts_as_an_answer(serve, message, text):
    _, model = serve(
        lambda body, k: (200, {"choices": [{"message": message, "finish_reason": "stop"}], "usage": "odd"})
    )
    [answer] = ask(model)
    assert (answer.text, answer.finish_reason, answer.num_prompt_tokens) == (text, "stop", 0)


def test_a_model_that_only_thought_until_its_limit_said_nothing(serve):
    _, model = serve(lambda body, k: (200, completion(None, "length")))
    [answer] = ask(model)
    assert (answer.text, answer.finish_reason) == ("", "length")


def test_a_server_that_is_down_from_the_start_is_not_waited_for(serve):
    double, model = serve(lambda body, k: (200, {}), first_pause_s=1.0, max_retries=5)
    double.server.shutdown()
    double.server.server_close()
    started = time.monotonic()
    assert "cannot be reached" in fails(model)
    assert time.monotonic() - started < 15  # five pauses are half a minute


def test_a_server_that_dies_is_asked_again_and_what_it_said_is_told(serve):
    double, model = serve(lambda body, k: (200, completion("x")) if k < 6 else (None, None), concurrency=1)
    told = {}
    with pytest.raises(ModelError, match="the connection failed"):
        ask(model, *map(str, range(20)), on_answer=told.__setitem__)
    answered = [number for number, answer in told.items() if answer.finish_reason == "stop"]
    assert answered == [0, 1, 2, 3, 4] and len(double.asked) <= 5 + (1 + model.max_retries) * (MAX_FAILURES + 1)


def test_answers_under_way_when_a_server_is_given_up_are_told_too(serve):
    all_are_there = threading.Barrier(4)

    def reply(body, number):
        all_are_there.wait(timeout=60)
        if body["messages"][0]["content"] == "0":
            return 403, {"error": {"message": "no"}}
        time.sleep(0.3)
        return 200, completion("late")

    _, model = serve(reply, concurrency=4, timeout_s=60.0)
    told = {}
    with pytest.raises(ModelError, match="no"):
        model.generate([[Message("user", str(number))] for number in range(4)], on_answer=told.__setitem__)
    assert {number: answer.text for number, answer in told.items()} == {1: "late", 2: "late", 3: "late"}


def test_where_every_question_fails_the_failed_answers_come_with_the_error(serve):
    _, model = serve(lambda body, k: (400, {"error": {"message": "filtered"}}))
    with pytest.raises(NoAnswers, match="filtered") as caught:
        ask(model, "a", "b")
    assert [answer.finish_reason for answer in caught.value.completions] == ["failed", "failed"]


@contextlib.contextmanager
def raw_server(*pieces: bytes, pause_s: float):
    """Sends the pieces to whoever connects, with pauses, and then the last one for ever."""
    listening = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def drip(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.recv(65536)
            for piece in itertools.chain(pieces, itertools.repeat(pieces[-1])):
                connection.sendall(piece)
                if over.wait(pause_s):
                    return

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=drip, args=(listening.accept()[0],), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    over.set()
    listening.close()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_an_answer_that_drips_for_ever_is_given_up(serve):
    with raw_server(HEAD, b"1\r\n \r\n", pause_s=0.01) as url:
        model = RemoteModel("m", url, first_pause_s=0.01, timeout_s=1.0, total_s=0.2)
        assert fails(model).endswith("no answer in time. Try again, or ask for fewer tokens.")


def test_an_answer_without_end_fills_no_memory(serve, monkeypatch):
    monkeypatch.setattr(remote, "MAX_BODY_BYTES", 2**20)
    with raw_server(HEAD, b"10000\r\n" + b" " * 2**16 + b"\r\n", pause_s=0.0) as url:
        model = RemoteModel("m", url, first_pause_s=0.01)
        assert fails(model).endswith("no answer in time. Try again, or ask for fewer tokens.")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), ("0.5", 0.5), ("soon", 0), ("-3", 0), (None, 0), ("nan", 0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0)],
)  # fmt: skip
def test_the_wait_a_server_asks_for_is_a_number_or_a_date(header, seconds):
    assert remote._seconds(header) == seconds


def test_the_wait_until_a_date_is_what_is_left_until_then():
    in_ten_hours = format_datetime(datetime.now(UTC) + timedelta(hours=10), usegmt=True)
    assert remote._seconds(in_ten_hours) == pytest.approx(36_000, abs=600)


def test_a_server_that_asks_for_an_hour_is_not_waited_for(serve):
    double, model = serve(lambda body, k: (429, {}, {"Retry-After": "3600"}))
    assert fails(model).endswith("asks to wait for 3,600 s. Try again then.") and len(double.asked) == 1


def test_an_api_cannot_score_given_answers(serve):
    _, model = serve(lambda body, k: (200, {}))
    with pytest.raises(ModelError, match="an API cannot score given answers. Use a local model for this task."):
        model.loglikelihood([Message("user", "hi")], ["a"])


def test_no_torch_is_needed():
    heavy = ("torch", "transformers", "pydantic")
    script = f"import sys, tunesmith.model.remote; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"
