"""A model behind an OpenAI-compatible API, as a `LanguageModel`. No torch: trying an API needs nothing of training."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from contextlib import closing, suppress
from email.utils import parsedate_to_datetime
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from tunesmith.errors import ModelError, UsageError
from tunesmith.lm import (
    FAILED,
    Completion,
    Conversation,
    NoAnswers,
    OnAnswer,
    Sampling,
    TextLikelihood,
    cut_at_stop,
)

NO_COMPLETION = "the answer is no chat completion. Is the URL an OpenAI-compatible API (…/v1)?"
OPENAI_URL = "https://api.openai.com/v1"
RETRIED = {408, 409, 425, 429}  # and every 5xx
MAX_STOP = 4  # more are refused by OpenAI; all of them are applied here anyway
MAX_WAIT_S = 60.0
"""A server that asks to be left alone for longer is not waited for."""
REFUSED = {400, 413, 422}  # of the one request: too long, or what its filter does not like
BROKEN_OFF = (httpx.RemoteProtocolError, httpx.ReadError, httpx.ReadTimeout)
"""A server that is there, and does not get through with an answer."""
MAX_FAILURES = 8
"""So many requests in a row that a server answers with nothing usable are taken for a failure of all."""
MAX_BODY_BYTES = 32 * 2**20
LAST_S = 5.0
"""Requests under way when all is given up may take so long to end: an answer that is there is not asked for again."""


class RemoteModel:
    """Answers by ``POST {url}/chat/completions``.

    The key comes from ``OPENAI_API_KEY`` and is sent to no other place than ``url``. Busy and failing servers (429,
    5xx, no connection, an answer that is none) are asked again with growing pauses; at most ``concurrency`` requests are
    under way at a time. A question that a server which answers others refuses, fails at, or answers with nothing, ends as
    ``failed`` with the reason in its ``note``; a server that is not there, or fails at everything, is given up.
    ``timeout_s`` is the longest silence, ``total_s`` the longest answer.
    The seed is sent, but what a server makes of it is not known: answers of an API are not reproducible.
    """

    def __init__(
        self,
        model: str,
        url: str = OPENAI_URL,
        *,
        api_key: str | None = None,
        concurrency: int = 8,
        max_retries: int = 5,
        timeout_s: float = 120.0,
        total_s: float = 600.0,
        first_pause_s: float = 1.0,
    ):
        self.model, self.url = model, _base_url(url)
        self.concurrency, self.max_retries, self.first_pause_s = concurrency, max_retries, first_pause_s
        self.total_s, self._has_answered = total_s, False
        key = api_key if api_key is not None else os.environ.get("OPENAI_API_KEY", "")
        headers = {"Authorization": f"Bearer {key.strip()}"} if key.strip() else {}
        self._has_key = bool(headers)
        self._limit_name = "max_tokens"
        self._given_up = (
            threading.Event()
        )  # wakes the threads that wait to ask again when another request has failed for good
        self._client = httpx.Client(headers=headers, timeout=httpx.Timeout(timeout_s, connect=min(timeout_s, 10.0)))

    @classmethod
    def from_target(cls, target: str, **options: Any) -> Self:
        """The model named by ``openai:MODEL@URL`` (or OpenAI's own). Raises `UsageError` for anything else."""
        kind, _, rest = target.partition(":")
        model, at, url = rest.rpartition("@") if "@http" in rest else (rest, "", OPENAI_URL)
        if kind != "openai" or not model or "@" in model:
            raise UsageError(
                f"{target}: write it as openai:MODEL@URL, for example openai:llama3@http://localhost:8000/v1."
            )
        return cls(model, url, **options)

    @property
    def name(self) -> str:
        return f"{self.model} at {self.url}"

    def generate(
        self,
        conversations: Sequence[Conversation],
        sampling: Sampling = Sampling(),
        *,
        tools: Sequence[Sequence[Mapping]] | None = None,
        on_answer: OnAnswer | None = None,
    ) -> list[Completion]:
        """Answer each conversation, in the order given.

        Raises:
            NoAnswers: every question failed.
            ModelError: the server is not there, or fails at one question after the other; what `on_answer` was told stays
                told.
        """
        each = tools if tools is not None else [()] * len(conversations)
        self._given_up.clear()
        pool = ThreadPoolExecutor(self.concurrency, thread_name_prefix="remote")
        try:
            questions = enumerate(zip(conversations, each, strict=True))
            asked = {pool.submit(self._answer, *question, sampling): number for number, question in questions}
            found: dict[int, Completion] = {}
            in_a_row = 0
            for answered in as_completed(asked):
                number, completion = asked[answered], answered.result()
                in_a_row = in_a_row + 1 if completion.finish_reason == FAILED else 0
                found[number] = completion
                if in_a_row == len(asked):
                    raise NoAnswers(f"{self.name}: {completion.note}", [found[place] for place in range(len(asked))])
                if in_a_row >= MAX_FAILURES:
                    raise ModelError(f"{self.name}: {completion.note}")
                if on_answer is not None:
                    on_answer(number, completion)
            return [found[number] for number in range(len(asked))]
        except ModelError:
            self._give_up(pool)
            for number, completion in _late_answers(asked) if on_answer is not None else ():
                if number not in found:
                    on_answer(number, completion)
            raise
        finally:
            self._give_up(pool)

    def _give_up(self, pool: ThreadPoolExecutor) -> None:
        """Ask nothing more; what is under way ends by itself."""
        self._given_up.set()
        pool.shutdown(wait=False, cancel_futures=True)

    def stream(
        self, messages: Conversation, sampling: Sampling = Sampling(), *, tools: Sequence[Mapping] = ()
    ) -> Iterator[str]:
        """The answer in pieces, as they come."""
        self._given_up.clear()
        try:
            response = self._request(self._body(messages, tools, sampling) | {"stream": True}, read=_unread)
        except _Failed as error:
            raise ModelError(f"{self.name}: {error}") from error
        try:
            yield from _pieces(response, self.name)
        except httpx.HTTPError as error:
            raise ModelError(f"{self.name}: the answer broke off ({_one_line(error)}). Ask again.") from error
        finally:
            response.close()

    def loglikelihood(self, context: Conversation, continuations: Sequence[str]) -> list[float]:
        """Raises `ModelError`: the chat API tells no probabilities of text it did not write itself."""
        raise ModelError(f"{self.name}: an API cannot score given answers. Use a local model for this task.")

    def text_loglikelihood(self, texts: Sequence[str]) -> list[TextLikelihood | None]:
        """None for each: undefined behind a chat API."""
        return [None] * len(texts)

    def close(self) -> None:
        self._client.close()

    def _answer(self, messages: Conversation, tools: Sequence[Mapping], sampling: Sampling) -> Completion:
        try:
            response = self._request(self._body(messages, tools, sampling), read=_answer_in)
        except _Failed as error:
            return Completion("", FAILED, note=str(error))
        self._has_answered = True
        return _completion(response, sampling)

    def _body(self, messages: Conversation, tools: Sequence[Mapping], sampling: Sampling) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.model,
            "messages": _to_api(messages),
            self._limit_name: sampling.max_new_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": sampling.seed,
        }
        if sampling.stop:
            body["stop"] = list(sampling.stop[:MAX_STOP])
        if tools:
            body["tools"] = [
                tool if "function" in tool else {"type": "function", "function": dict(tool)} for tool in tools
            ]
        return body

    def _request(self, body: dict[str, Any], *, read: Callable[[httpx.Response, float], Any]) -> Any:
        """What ``read`` makes of a response with status 200; asks again where that can help.

        Raises:
            ModelError: the server cannot be reached, or refuses.
            _Failed: it refuses this request, or answers with nothing usable.
        """
        for attempt in range(self.max_retries + 1):
            last = attempt == self.max_retries
            try:
                request = self._client.build_request("POST", f"{self.url}/chat/completions", json=body)
                response = self._client.send(request, stream=True)
                if response.status_code == 200:
                    return read(response, time.monotonic() + self.total_s)
                with closing(response):
                    response.read()
            except (httpx.TransportError, httpx.InvalidURL, httpx.DecodingError) as error:
                if last or not self._may_pass(error, attempt):
                    if isinstance(error, BROKEN_OFF):
                        raise _Failed(_transport_words(error)) from error
                    raise ModelError(f"{self.name}: {_transport_words(error)}") from error
                self._pause(attempt, None)
                continue
            except _Failed:
                if last or attempt >= 1:
                    raise
                self._pause(attempt, None)
                continue
            if self._wants_other_limit(response, body):
                body["max_completion_tokens"] = body.pop("max_tokens")
            elif response.status_code in REFUSED or (last and response.status_code >= 500):
                raise _Failed(self._status_words(response))
            elif last or not (response.status_code in RETRIED or response.status_code >= 500):
                raise ModelError(f"{self.name}: {self._status_words(response)}")
            else:
                self._pause(attempt, response.headers.get("retry-after"))
        raise ModelError(f"{self.name}: no answer after {self.max_retries + 1} attempts. Try again later.")

    def _may_pass(self, error: Exception, attempt: int) -> bool:
        """Whether asking again may help. A server that never answered is asked twice, and so is one that says nothing."""
        if not isinstance(error, (httpx.NetworkError, httpx.TimeoutException, httpx.RemoteProtocolError)):
            return False
        is_silent = isinstance(error, httpx.TimeoutException)
        return attempt < 1 or (self._has_answered and not is_silent)

    def _wants_other_limit(self, response: httpx.Response, body: Mapping[str, Any]) -> bool:
        # OpenAI's reasoning models refuse `max_tokens`, most other servers know nothing else.
        if response.status_code == 400 and "max_completion_tokens" in response.text and "max_tokens" in body:
            self._limit_name = "max_completion_tokens"
            return True
        return False

    def _pause(self, attempt: int, retry_after: str | None) -> None:
        """Wait as long as the server asks, else twice as long each time; jitter keeps requests apart."""
        asked = _seconds(retry_after)
        if asked > MAX_WAIT_S:
            raise ModelError(f"{self.name}: asks to wait for {asked:,.0f} s. Try again then.")
        wait_s = max(asked, self.first_pause_s * 2**attempt * random.uniform(0.75, 1.25))
        if self._given_up.wait(min(wait_s, MAX_WAIT_S)):
            raise ModelError(f"{self.name}: given up, because another request failed.")

    def _status_words(self, response: httpx.Response) -> str:
        status, said = response.status_code, _server_message(response)
        fix = {
            401: "Check OPENAI_API_KEY." if self._has_key else "Set OPENAI_API_KEY.",
            403: "The key may not use this model.",
            404: "Check the model's name and the URL (usually …/v1).",
            429: "Too many requests, or the quota is used up; try again later.",
        }.get(status, "The server fails; try again later." if status >= 500 else "")
        return f"HTTP {status}{f' ({said})' if said else ''}. {fix}".strip()


def _late_answers(asked: Mapping[Future[Completion], int]) -> Iterator[tuple[int, Completion]]:
    """The answers of requests that were still under way, or not looked at yet, when all was given up."""
    done, _ = wait([future for future in asked if not future.cancelled()], timeout=LAST_S)
    for future in done:
        if future.exception() is None and future.result().finish_reason != FAILED:
            yield asked[future], future.result()


def _base_url(url: str) -> str:
    """The address requests start from; ``/v1`` where no path is given."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"{url}: not the URL of an API. Write it as http://HOST:PORT/v1 or https://HOST/v1.")
    url = url.rstrip("/").removesuffix("/chat/completions")
    return url if urlsplit(url).path else f"{url}/v1"


def _to_api(messages: Conversation) -> list[dict[str, Any]]:
    """Messages as the API has them; calls and their answers are paired by made-up ids, in order."""
    told, open_calls, num_calls = [], [], 0
    for message in messages:
        row: dict[str, Any] = {"role": message.role, "content": message.content}
        if message.tool_calls:
            ids = [f"call_{num_calls + k}" for k in range(len(message.tool_calls))]
            num_calls, open_calls = num_calls + len(ids), [*open_calls, *ids]
            row["tool_calls"] = [_call_to_api(call, call_id) for call, call_id in zip(message.tool_calls, ids)]
        if message.role == "tool":
            row["tool_call_id"] = open_calls.pop(0) if open_calls else "call_0"
        elif message.name:
            row["name"] = message.name
        told.append(row)
    return told


def _call_to_api(call: Mapping[str, Any], call_id: str) -> dict[str, Any]:
    arguments = call.get("arguments", {})
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return {"id": call_id, "type": "function", "function": {"name": call["name"], "arguments": text}}


class _Failed(Exception):
    """One question has no answer, for the reason given; others may."""


def _unread(response: httpx.Response, _deadline: float) -> httpx.Response:
    return response


def _answer_in(response: httpx.Response, deadline: float) -> dict[str, Any]:
    """The chat completion in a response. Raises `_Failed` where it is none."""
    with closing(response):
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if time.monotonic() > deadline or len(body) > MAX_BODY_BYTES:
                raise httpx.ReadTimeout("the answer does not end", request=response.request)
    try:
        answer = json.loads(body)
        if "choices" not in answer and "error" in answer:
            raise _Failed(f"{_told(answer['error']) or 'an error'}.")
        _text(answer["choices"][0])
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise _Failed(NO_COMPLETION) from error
    return answer


def _text(choice: Mapping[str, Any]) -> str:
    """What an answer says: its text, the calls it makes, or why it refuses. Raises where it says nothing."""
    message = choice["message"]
    content = message.get("content")
    if isinstance(content, list):  # of parts
        content = "".join(part["text"] for part in content if part.get("type") == "text")
    calls = [call["function"] for call in message.get("tool_calls") or ()]
    if not content and calls:
        return json.dumps(calls, ensure_ascii=False)
    if content is None:
        content = message.get("refusal")
    if content is None and choice.get("finish_reason") != "length":
        raise _Failed(f"an answer without text ({choice.get('finish_reason')}).")
    if not isinstance(content, str | None):
        raise TypeError(type(content).__name__)
    return content or ""


def _completion(answer: Mapping[str, Any], sampling: Sampling) -> Completion:
    choice, usage = answer["choices"][0], answer.get("usage")
    counts = [_count(usage, name) for name in ("prompt_tokens", "completion_tokens")]
    reason = "length" if choice.get("finish_reason") == "length" else "stop"
    return Completion(cut_at_stop(_text(choice), sampling.stop), reason, *counts)


def _count(usage: object, name: str) -> int:
    count = usage.get(name) if isinstance(usage, Mapping) else 0
    return count if isinstance(count, int) else 0


def _seconds(retry_after: str | None) -> float:
    """What a server asks to wait: a number of seconds, or a date (RFC 9110, 10.2.3); 0 where it does not say."""
    with suppress(ValueError):
        seconds = float(retry_after or 0)
        return seconds if seconds > 0 else 0.0  # nan, too, is no wait
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return 0.0


def _pieces(response: httpx.Response, name: str) -> Iterator[str]:
    """Text of a stream of server-sent events; of a whole answer where a server does not stream."""
    if "text/event-stream" not in response.headers.get("content-type", ""):
        response.read()
        try:
            yield _completion(response.json(), Sampling()).text
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, _Failed) as error:
            raise ModelError(f"{name}: {NO_COMPLETION}") from error
        return
    for line in response.iter_lines():
        data = line.removeprefix("data:").strip() if line.startswith("data:") else ""
        if data == "[DONE]":
            return
        if data:
            yield from _delta(data, name)


def _delta(data: str, name: str) -> Iterator[str]:
    try:
        event = json.loads(data)
        if "error" in event:
            raise ModelError(f"{name}: {_shortened(event['error'].get('message', 'error'))}")
        text = event["choices"][0].get("delta", {}).get("content") if event.get("choices") else None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{name}: the stream is no chat completion. Is the URL an OpenAI-compatible API (…/v1)?"
        ) from error
    if text:
        yield text


def _server_message(response: httpx.Response) -> str:
    try:
        return _told(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        return ""


def _told(error: object) -> str:
    return _shortened(error.get("message", "") if isinstance(error, dict) else error)


def _shortened(text: object) -> str:
    line = " ".join(str(text).split()).rstrip(".")
    return line if len(line) <= 160 else line[:159] + "…"


def _one_line(error: Exception) -> str:
    return _shortened(error) or type(error).__name__


def _transport_words(error: Exception) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time. Try again, or ask for fewer tokens."
    if isinstance(error, httpx.ConnectError):
        return f"cannot be reached ({_one_line(error)}). Is the server running, and the URL right?"
    return f"the connection failed ({_one_line(error)}). Try again."
