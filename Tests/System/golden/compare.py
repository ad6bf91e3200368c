"""Compares answers with the shapes and exchanges that `distil.py` made of a real Mesos's."""
import gzip
import json
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
SHAPES = json.loads((HERE / "shapes.json").read_text())
EXCHANGES = {e["name"]: e for e in json.loads((HERE / "errors.json").read_text())}


@dataclass
class Difference:
    """What a page lacks or has of another type, and what it did not show: elements of arrays that were all empty,
    optional fields that no element had."""
    wrong: list[str] = field(default_factory=list)
    unseen: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)


def differences(shape, value, path=""):
    """Compares a decoded JSON `value`; paths are written like `.slaves[].id`."""
    found = Difference()
    _compare(shape, value, path, found)
    found.wrong = sorted(set(found.wrong))
    found.unseen -= found.seen
    return found


def _compare(shape, value, path, found):
    if isinstance(shape, list):
        if not isinstance(value, list):
            found.wrong.append(f"{path}: {kind(value)} instead of an array")
        elif shape and not value:
            found.unseen.add(path + "[]")
        elif shape:
            found.seen.add(path + "[]")
            for element in value:
                _compare(shape[0], element, path + "[]", found)
    elif isinstance(shape, dict):
        if not isinstance(value, dict):
            found.wrong.append(f"{path}: {kind(value)} instead of an object")
        elif "*" in shape:
            (found.seen if value else found.unseen).add(path + ".*")
            for element in value.values():
                _compare(shape["*"], element, path + ".*", found)
        else:
            for name, expected in shape.items():
                _compare_field(name, expected, value, path, found)
    elif kind(value) != shape and not (shape == "number" and kind(value) == "integer"):
        found.wrong.append(f"{path}: {kind(value)} instead of {shape}")


def _compare_field(name, expected, value, path, found):
    bare = name.rstrip("?")
    if bare in value:
        found.seen.add(f"{path}.{bare}")
        _compare(expected, value[bare], f"{path}.{bare}", found)
    elif bare == name:
        found.wrong.append(f"{path}.{name}: missing")
    else:
        found.unseen.add(f"{path}.{bare}")


def kind(value):
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    for type_, name in [(int, "integer"), (float, "number"), (str, "string"), (list, "array"), (dict, "object")]:
        if isinstance(value, type_):
            return name
    raise AssertionError(value)


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def request_bytes(exchange, values):
    """The recorded request with `values` (name to text) in place of its placeholders."""
    body = fill(exchange["body"], values).encode("latin-1")
    headers = dict(exchange["headers"])
    if "Content-Length" in headers:
        headers["Content-Length"] = str(len(body))
    if not exchange["line"]:
        return body
    lines = [exchange["line"]] + [f"{name}: {value}" for name, value in headers.items()]
    return fill("\r\n".join(lines) + "\r\n\r\n", values).encode("latin-1") + body


def fill(text, values):
    for name, value in values.items():
        text = text.replace("{%s}" % name, value)
    return text


class Connection:
    """A raw HTTP connection: what goes out is exactly what was given, what comes in is read answer by answer."""

    def __init__(self, host, port, seconds=10.0):
        self.deadline = time.monotonic() + seconds
        self.socket = socket.create_connection((host, port), timeout=seconds)
        self.received = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def _more(self):
        """False when the other side has closed."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"no complete answer in time; so far: {self.received[:500]!r}")
        self.socket.settimeout(left)
        try:
            data = self.socket.recv(1 << 16)
        except ConnectionResetError:
            return False
        self.received += data
        return bool(data)

    def _until(self, complete):
        while not complete():
            if not self._more():
                raise ConnectionError(f"closed within an answer; so far: {self.received[:500]!r}")

    def answer(self, has_body=True):
        """The next answer that is not `100 Continue`; None when the other side closes instead."""
        while b"\r\n\r\n" not in self.received:
            if not self._more():
                if self.received:
                    raise ConnectionError(f"closed within an answer; so far: {self.received[:500]!r}")
                return None
        head, self.received = self.received.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = dict(line.split(": ", 1) for line in lines[1:])
        if status == 100:
            return self.answer(has_body)
        lowered = {name.lower(): value for name, value in headers.items()}
        body = b""
        if not has_body:
            pass
        elif lowered.get("transfer-encoding") == "chunked":
            body = b"".join(iter(self.chunk, b""))
        else:
            length = int(lowered.get("content-length", 0))
            self._until(lambda: len(self.received) >= length)
            body, self.received = self.received[:length], self.received[length:]
        return Answer(status, headers, body)

    def chunk(self):
        """The next chunk of a chunked body; empty at its end."""
        self._until(lambda: b"\r\n" in self.received)
        size, self.received = self.received.split(b"\r\n", 1)
        length = int(size, 16)
        self._until(lambda: len(self.received) >= length + 2)
        data, self.received = self.received[:length], self.received[length + 2:]
        return data

    def is_closed_by_peer(self, seconds):
        """Whether the other side closes within `seconds`."""
        self.deadline = time.monotonic() + seconds
        try:
            while self._more():
                pass
        except TimeoutError:
            return False
        return True


def check_answer(expected, answer, values):
    """What of `answer` is not as recorded, as a list of texts."""
    if answer is None:
        return ["the connection was closed without an answer"]
    wrong = []
    if answer.status != expected["status"]:
        wrong.append(f"status {answer.status} instead of {expected['status']}")
    actual = {name.lower(): value for name, value in answer.headers.items()}
    for name, value in expected["headers"].items():
        if name == "Mesos-Stream-Id":
            value = actual.get(name.lower(), "a value")
        if actual.get(name.lower()) != fill(value, values):
            wrong.append(f"{name}: {actual.get(name.lower())} instead of {fill(value, values)}")
    body = gzip.decompress(answer.body) if actual.get("content-encoding") == "gzip" else answer.body
    text = body.decode("latin-1")
    if "page" in expected:
        try:
            missing = sorted(set(expected["page"]) - set(json.loads(text)))
            wrong += [f"field {name} is missing" for name in missing]
        except (ValueError, TypeError):
            wrong.append(f"body {text[:300]!r} instead of a page of JSON")
    elif "begin" in expected:
        if not (text.startswith(expected["begin"]) and text.endswith(expected["end"])):
            wrong.append(f"body {text[:20]!r}...{text[-20:]!r}")
    elif text != fill(expected["body"], values):
        wrong.append(f"body {text[:500]!r} instead of {fill(expected['body'], values)!r}")
    return wrong


def replay(name, address, values=None):
    """Sends the recorded request `name` to `address` (host, port); returns what came back differently.

    Mesos sends a body after the head of an answer to HEAD; that cannot be right, and is not asked for here.
    """
    exchange = EXCHANGES[name]
    values = {"host": f"{address[0]}:{address[1]}", **(values or {})}
    values.setdefault("named_host", f"localhost:{address[1]}")
    wrong = []
    with Connection(*address) as connection:
        connection.send(request_bytes(exchange, values))
        for number, expected in enumerate(exchange["answers"]):
            try:
                answer = connection.answer(has_body=not exchange["line"].startswith("HEAD "))
            except (ConnectionError, TimeoutError, ValueError) as error:
                return wrong + [f"answer {number + 1}: {error}"]
            if exchange["line"].startswith("HEAD "):
                expected = {name: value for name, value in expected.items() if name != "page"} | {"body": ""}
            wrong += [f"answer {number + 1}: {text}" for text in check_answer(expected, answer, values)]
        if exchange.get("connection") == "closed" and not connection.is_closed_by_peer(5):
            wrong.append("the connection stays open")
        elif exchange.get("connection") == "open" and connection.is_closed_by_peer(0.2):
            wrong.append("the connection was closed")
    return wrong
