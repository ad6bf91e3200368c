#!/usr/bin/env python3
"""Distils the recorded answers of an Apache Mesos 1.11.0 into what the system tests compare with.

    distil.py DIRECTORY

DIRECTORY holds recordings: `NAME.http` is a request, a line `<<<<`, and the response, byte for byte; `NAME.json` a JSON
body; `stream/NAME.events.json` the decoded events of a stream. Beside this script it writes

shapes.json: for each page and kind of event its shape, which is
    "string", "boolean", "null", "integer" (written without a fraction), "number" (written with one),
    [SHAPE] for an array whose elements have that shape, [] for one that was always empty,
    {"name": SHAPE, "name?": SHAPE} for an object; a `?` marks a field that some elements lack,
    {"*": SHAPE} for an object whose names are data (role names).
messages.json: one libprocess message of each kind that the recorded agent and master sent each other, in base64, and
    the id of that master, which is part of the other ids in them.
errors.json: for each small or odd exchange the request and what has to come back. Bodies are text of one byte a
    character (latin-1). What varies from run to run is a placeholder: {host} (an address and port),
    {named_host} (a name and port), {master}, {framework}, {agent}.
"""
import base64
import gzip
import json
import re
import sys
from pathlib import Path

PAGES = {
    "idle": {
        "master": ["state", "slaves", "frameworks", "tasks", "version", "metrics_snapshot", "state_summary", "flags",
                   "system_stats_json"],
        "agent": ["state", "version", "flags", "metrics_snapshot", "containers", "monitor_statistics",
                  "system_stats_json"],
    },
    "running": {
        "master": ["state", "slaves", "slaves_one", "slaves_slave_id_nosuch", "frameworks", "frameworks_one",
                   "frameworks_framework_id_nosuch", "tasks", "tasks_one", "version", "metrics_snapshot",
                   "state_summary", "flags"],
        "agent": ["state", "version", "flags", "metrics_snapshot", "containers", "monitor_statistics", "files_browse",
                  "files_read", "files_read_size"],
    },
}
STREAMS = ["scheduler.SUBSCRIBE", "ops.scheduler.SUBSCRIBE", "scheduler.SUBSCRIBE_bad_role"]
EVENTS = {"SUBSCRIBED", "HEARTBEAT", "OFFERS", "UPDATE", "RESCIND", "ERROR", "FAILURE"}
EXCHANGES = [
    "idle/master.GET.health", "idle/master.GET.redirect", "idle/master.GET.master_redirect", "idle/master.GET.nosuch",
    "idle/master.GET.master_nosuch", "idle/master.GET.state_json", "idle/master.GET.overview",
    "idle/master.GET.allocator_nosuch", "idle/master.GET.teardown", "idle/master.GET.api_v1_scheduler",
    "idle/master.GET.state_jsonp_cb", "idle/agent.GET.health", "idle/agent.GET.nosuch",
    "idle/agent.GET.slave_1_nosuch", "idle/agent.GET.state_json", "errors/scheduler.*", "errors/form.tasks*",
    "errors/form.post_state", "errors/form.delete_state", "errors/form.teardown*", "errors/form.files_*",
    "errors/http.*", "calls/[!e]*",  # Not those of executors: we have no executor API yet.
]
# Objects whose names are data.
MAPS = {"reserved_resources", "reserved_resources_full", "reserved_resources_allocated"}
UNCOMPARED_HEADERS = {"Date", "Content-Length"}


def shape_of(value, name=""):
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, list):
        return [merged([shape_of(v) for v in value])] if value else []
    if name in MAPS:
        return {"*": merged([shape_of(v) for v in value.values()])} if value else {}
    return {key: shape_of(v, key) for key, v in value.items()}


def merged(shapes):
    """The shape that all of `shapes` have."""
    first = shapes[0]
    if all(s == first for s in shapes):
        return first
    if all(isinstance(s, list) for s in shapes):
        return [merged([s[0] for s in shapes if s])]
    if all(isinstance(s, dict) for s in shapes):
        return merged_objects(shapes)
    if all(s in ("integer", "number") for s in shapes):
        return "number"
    raise SystemExit(f"these shapes have nothing in common: {shapes}")


def merged_objects(shapes):
    shapes = [s for s in shapes if s] if any("*" in s for s in shapes) else shapes
    names = list(dict.fromkeys(name.rstrip("?") for s in shapes for name in s))
    result = {}
    for name in names:
        found = [s[key] for s in shapes for key in (name, name + "?") if key in s]
        always = len(found) == len(shapes) and not any(name + "?" in s for s in shapes)
        result[name if always else name + "?"] = merged(found)
    return result


class Placeholders:
    """Replaces what varies from run to run by names."""

    def __init__(self, directory):
        state = json.loads((directory / "running/master.GET.state.json").read_text())
        self.values = [
            (state["frameworks"][0]["id"], "{framework}"),
            (state["slaves"][0]["id"], "{agent}"),
            (state["id"], "{master}"),
            (f"127.0.0.1:{state['leader_info']['port']}", "{host}"),
            (f"localhost:{state['leader_info']['port']}", "{named_host}"),
            (state["slaves"][0]["pid"].split("@")[1], "{host}"),
        ]

    def put(self, text):
        for value, name in self.values:
            text = text.replace(value, name)
        return text


def metric_names(page, placeholders):
    """Numbers by name; those of the one framework get its placeholder."""
    return {placeholders.put(name): "number" for name in sorted(page)}


def shapes(directory, placeholders):
    result = {}
    for phase, owners in PAGES.items():
        for owner, names in owners.items():
            for name in names:
                page = json.loads((directory / phase / f"{owner}.GET.{name}.json").read_text())
                made = metric_names(page, placeholders) if name == "metrics_snapshot" else shape_of(page)
                result[f"{phase}/{owner}/{name}"] = made
    found = {}
    for stream in STREAMS:
        for entry in json.loads((directory / "stream" / f"{stream}.events.json").read_text()):
            event = entry["event"]
            if event["type"] in EVENTS:
                found.setdefault(event_kind(event), []).append(shape_of(event))
    for kind in sorted(found):
        result[f"event/{kind}"] = merged(found[kind])
    return result


def event_kind(event):
    """UPDATE comes from many places: its source and reason tell them apart."""
    if event["type"] != "UPDATE":
        return event["type"]
    status = event["update"]["status"]
    return "/".join(["UPDATE", status["source"]] + ([status["reason"]] if "reason" in status else []))


def parsed_headers(lines):
    return {name: value for name, value in (line.split(": ", 1) for line in lines)}


def parsed_answers(data):
    """The responses in `data`, and what the recorder noted of the connection behind them."""
    note = re.search(rb"\n?\((closed by server|kept open)[^)]*\)\n?$", data)
    connection = None
    if note:
        connection = "closed" if note[1].startswith(b"closed") else "open"
        data = data[:note.start()]
    answers = []
    while data.strip():
        head, data = data.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        headers = parsed_headers(lines[1:])
        length = int(headers.get("Content-Length", 0))
        answers.append((int(lines[0].split()[1]), headers, data[:length]))
        data = data[length:]
    return answers, connection


def distilled_answer(status, headers, body, placeholders):
    answer = {
        "status": status,
        "headers": {n: placeholders.put(v) for n, v in headers.items() if n not in UNCOMPARED_HEADERS},
    }
    if status == 200 and body:
        # A page: its own test compares it field by field, here it is enough to know it by its outermost fields.
        if headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if headers["Content-Type"] == "application/json":
            answer["page"] = sorted(json.loads(body))
        else:
            answer["begin"] = body[:4].decode("latin-1")
            answer["end"] = body[-3:].decode("latin-1")
    else:
        answer["body"] = placeholders.put(body.decode("latin-1"))
    return answer


def exchange(path, name, placeholders):
    sent, received = path.read_bytes().split(b"\n<<<<\n", 1)
    head, body = sent.split(b"\r\n\r\n", 1)
    lines = head.decode("latin-1").split("\r\n")
    headers = parsed_headers(lines[1:])
    if name == "errors/http.pipelined":
        headers, lines, body = {}, [""], sent
    answers, connection = parsed_answers(received)
    if name.startswith("calls/") and answers[0][0] < 300:
        return None
    owner = "agent" if "agent." in name else "master"
    result = {
        "name": name,
        "to": owner,
        "line": placeholders.put(lines[0]),
        "headers": {n: placeholders.put(v) for n, v in headers.items() if n != "User-Agent"},
        "body": placeholders.put(body.decode("latin-1")),
        "answers": [distilled_answer(*a, placeholders) for a in answers],
    }
    if connection:
        result["connection"] = connection
    return result


def exchanges(directory, placeholders):
    result = []
    for pattern in EXCHANGES:
        paths = sorted(directory.glob(f"{pattern}.http"))
        if not paths:
            raise SystemExit(f"no recording is named {pattern}")
        for path in paths:
            name = str(path.relative_to(directory)).removesuffix(".http")
            made = exchange(path, name, placeholders)
            if made:
                result.append(made)
    return result


def messages(directory):
    """The first message of each name in the two connections between master and agent."""
    listed = (directory / "wire/MESSAGES.txt").read_text()
    result = {}
    for owner, name in [("master", "RegisterSlaveMessage"), ("agent", "SlaveRegisteredMessage")]:
        source, target = re.search(rf"(\d+) -> (\d+)  \S+{name}", listed).groups()
        data = (directory / f"wire/{source}-to-{target}.raw").read_bytes()
        while data:
            head, data = data.split(b"\r\n\r\n", 1)
            path = head.split(b" ")[1].decode()
            body = b""
            if b"Transfer-Encoding: chunked" in head:
                while True:
                    size, data = data.split(b"\r\n", 1)
                    body += data[:int(size, 16)]
                    data = data[int(size, 16) + 2:]
                    if size == b"0":
                        break
            result.setdefault(path, {"to": owner, "path": path, "body": base64.b64encode(body).decode()})
    master = re.search(rb"[0-9a-f-]{36}(?=-S0)", base64.b64decode(
        result["/slave(1)/mesos.internal.SlaveRegisteredMessage"]["body"]))[0].decode()
    return {"master": master, "messages": list(result.values())}


def main():
    directory = Path(sys.argv[1])
    here = Path(__file__).resolve().parent
    placeholders = Placeholders(directory)
    for name, content in [
        ("shapes.json", shapes(directory, placeholders)), ("errors.json", exchanges(directory, placeholders)),
        ("messages.json", messages(directory)),
    ]:
        (here / name).write_text(json.dumps(content, indent=1, ensure_ascii=True) + "\n")


if __name__ == "__main__":
    main()
