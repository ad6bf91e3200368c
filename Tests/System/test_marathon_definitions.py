"""App definitions that clients send to Marathon's REST API, good and bad."""

import json
import re
from pathlib import Path

import pytest

from marathon_cluster import UUID

EXAMPLES = json.loads((Path(__file__).parent / "marathon_examples/apps.json").read_text())


def look_up(value, path):
    """The value at a path with dots; None where there is nothing."""
    for part in path.split("."):
        if part == "length":
            return len(value)
        if isinstance(value, list):
            value = value[int(part)] if int(part) < len(value) else None
        else:
            value = (value or {}).get(part)
    return value


def contains(value, expected):
    """Whether a value has at least what is expected of it; numbers compare as numbers."""
    if isinstance(expected, dict):
        return isinstance(value, dict) and all(contains(value.get(name), item) for name, item in expected.items())
    if isinstance(expected, list):
        return isinstance(value, list) and len(value) == len(expected) and all(map(contains, value, expected))
    return value == expected and isinstance(value, bool) == isinstance(expected, bool)


@pytest.mark.parametrize("example", EXAMPLES["valid"], ids=lambda example: example["name"])
def test_valid_examples(api, example):
    """Definitions as clients write them are taken, and shown with what they say and with every default."""
    for body in example.get("setup", []):
        api.change("POST", "/v2/apps", body, status=201)
    answer = api.expect(example["status"], example["method"], example["path"], example["body"])
    assert re.fullmatch(UUID, answer.headers["Marathon-Deployment-Id"])
    bodies = example["body"] if isinstance(example["body"], list) else [example["body"]]
    for body in bodies:
        app = api.app("/" + body["id"].removeprefix("/") if "id" in body else example["path"].removeprefix("/v2/apps"))
        for path, expected in example["expect"].items():
            if path.endswith(".range"):
                low, high = expected
                assert low <= look_up(app, path.removesuffix(".range")) <= high, f"{path} of {app}"
            else:
                assert contains(look_up(app, path), expected), f"{path} is not {expected} in {app}"


@pytest.mark.parametrize("example", EXAMPLES["invalid"], ids=lambda example: example["name"])
def test_invalid_examples(api, example):
    """What is refused, with the status, the form and the texts of the original."""
    for body in example.get("setup", []):
        api.expect(201, "POST", "/v2/apps", body)
    answer = api.request(example["method"], example["path"], example.get("body"), text=example.get("text"))
    assert answer.status == example["status"], answer
    error = answer.json
    match example["form"]:
        case "parse":
            empty = example["text"] == ""
            assert error["message"] == ("Please specify data in JSON format" if empty else "Invalid JSON")
            assert isinstance(error["details"], str)
        case "message":
            assert error["message"] == example["errors"]["message"]
        case form:
            assert error["message"] == {"schema": "Invalid JSON", "violation": "Object is not valid"}[form]
            details = {item["path"]: item["errors"] for item in error["details"]}
            assert len(details) == len(error["details"]), "the errors of a path are grouped"
            for path, text in example["errors"].items():
                assert text in details.get(path, []), error


def test_several_errors(api):
    """All that is wrong is told at once."""
    body = {"cmd": "true", "cpus": "1", "mem": -1, "labels": {"a": 1}, "portDefinitions": [{"port": -1}, 5]}
    error = api.expect(422, "POST", "/v2/apps", body).json
    assert error["message"] == "Invalid JSON"
    assert {item["path"]: item["errors"] for item in error["details"]} == {
        "/id": ["error.path.missing"], "/cpus": ["error.expected.jsnumber"], "/mem": ["error.min"],
        "/labels/a": ["error.expected.jsstring"], "/portDefinitions(0)/port": ["error.min"],
        "/portDefinitions(1)": ["error.expected.jsobject"]}


DOCKER = {"type": "DOCKER", "docker": {"image": "busybox"}}
MESOS = {"type": "MESOS"}
PORT = {"containerPort": 80}


@pytest.mark.parametrize("path, text, fields", [
    ("/id", "error.minLength", {"id": ""}),
    ("/id", "error.pattern", {"id": "/-a"}),
    ("/cmd", "error.expected.jsstring", {"cmd": 5}),
    ("/args(1)", "error.expected.jsstring", {"cmd": None, "args": ["a", 1]}),
    ("/args", "error.expected.jsarray", {"cmd": None, "args": "a"}),
    ("/instances", "error.expected.int", {"instances": 1.5}),
    ("/requirePorts", "error.expected.jsboolean", {"requirePorts": "true"}),
    ("/env", "error.expected.jsobject", {"env": ["a"]}),
    ("/role", "error.minLength", {"role": ""}),
    ("/killSelection", "error.unknown.enum.literal", {"killSelection": "RANDOM"}),
    ("/taskKillGracePeriodSeconds", "error.min", {"taskKillGracePeriodSeconds": -1}),
    ("/unreachableStrategy/inactiveAfterSeconds", "error.min", {"unreachableStrategy": {"inactiveAfterSeconds": -1}}),
    ("/upgradeStrategy/maximumOverCapacity", "error.min", {
        "upgradeStrategy": {"minimumHealthCapacity": 0, "maximumOverCapacity": -0.1}}),
    ("/executor", "error.pattern", {"executor": "/a//b"}),
    ("/networks(0)/mode", "error.unknown.enum.literal", {"networks": [{"mode": "bridge"}]}),
    ("/portDefinitions(0)/protocol", "error.unknown.enum.literal", {"portDefinitions": [{"protocol": "sctp"}]}),
    ("/container/docker", "error.expected.jsobject", {"container": {"docker": "busybox"}}),
    ("/container/docker/image", "error.minLength", {"container": {"docker": {"image": ""}}}),
    ("/container/docker/network", "error.unknown.enum.literal", {
        "container": {"docker": {"image": "busybox", "network": "bridge"}}}),
    ("/container/docker/parameters(0)/value", "error.path.missing", {
        "container": {"docker": {"image": "busybox", "parameters": [{"key": "a"}]}}}),
    ("/container/portMappings(0)/hostPort", "error.max", {
        "container": DOCKER | {"portMappings": [{"hostPort": 65536}]}, "networks": [{"mode": "container/bridge"}]}),
    ("/container/volumes(0)/mode", "error.unknown.enum.literal", {
        "container": DOCKER | {"volumes": [{"containerPath": "/a", "hostPath": "/b", "mode": "XX"}]}}),
    ("/container/volumes(0)/containerPath", "error.minLength", {
        "container": DOCKER | {"volumes": [{"containerPath": "", "hostPath": "/b", "mode": "RO"}]}}),
])
def test_wrong_types_and_ranges(api, path, text, fields):
    """The schema says what is wrong and where."""
    error = api.expect(422, "POST", "/v2/apps", {"id": "/x", "cmd": "sleep 3600"} | fields).json
    assert error["message"] == "Invalid JSON"
    assert {"path": path, "errors": [text]} in error["details"], error


LONG = "a" * 64


@pytest.mark.parametrize("path, field, accepted, refused", [
    ("/networks(0)/name", lambda name: {"container": MESOS, "networks": [{"name": name}]},
     ["a", "0", "a-b_c--d", LONG[:63]],
     {"": ["error.minLength", "error.pattern"], LONG: ["error.maxLength"], "A": ["error.pattern"],
      "a-": ["error.pattern"], "_a": ["error.pattern"], "a.b": ["error.pattern"], "a\n": ["error.pattern"],
      "A" * 64: ["error.maxLength", "error.pattern"], 5: ["error.expected.jsstring"]}),
    ("/portDefinitions(0)/name", lambda name: {"portDefinitions": [{"port": 0, "name": name}]},
     ["a", "0", "a--d", LONG],
     {"": ["error.minLength", "error.pattern"], "A": ["error.pattern"], "-a": ["error.pattern"],
      "a_b": ["error.pattern"], "a b": ["error.pattern"], "\u00e4": ["error.pattern"], 5: ["error.expected.jsstring"]}),
    ("/container/portMappings(0)/name", lambda name: {
        "container": DOCKER | {"portMappings": [PORT | {"name": name}]}, "networks": [{"mode": "container/bridge"}]},
     ["http", "0", LONG],
     {"": ["error.minLength", "error.pattern"], "HTTP": ["error.pattern"], "a_b": ["error.pattern"],
      True: ["error.expected.jsstring"]}),
])
def test_names(api, path, field, accepted, refused):
    """Names of networks and ports have a pattern; each thing that is wrong with one is told."""
    body = {"id": "/x", "cmd": "sleep 3600", "instances": 0}
    for name in accepted:
        api.change("POST", "/v2/apps", body | field(name), status=201)
        api.change("DELETE", "/v2/apps/x")
    for name, errors in refused.items():
        error = api.expect(422, "POST", "/v2/apps", body | field(name)).json
        assert error == {"message": "Invalid JSON", "details": [{"path": path, "errors": errors}]}


@pytest.mark.parametrize("path, fields", [
    ("/networks(0)", {"container": MESOS, "networks": [{"name": "a", "labels": None}]}),
    ("/portDefinitions(0)", {"portDefinitions": [{"port": 0, "labels": None}]}),
    ("/container/portMappings(0)", {
        "container": DOCKER | {"portMappings": [PORT | {"labels": None}]},
        "networks": [{"mode": "container/bridge"}]}),
])
def test_types_of_labels(api, path, fields):
    """Labels are an object of texts, wherever they stand."""
    for labels, place, text in [({"b": 1}, "/labels/b", "error.expected.jsstring"),
                                (["b"], "/labels", "error.expected.jsobject")]:
        given = json.loads(json.dumps(fields).replace("null", json.dumps(labels)))
        error = api.expect(422, "POST", "/v2/apps", {"id": "/x", "cmd": "sleep 3600", "instances": 0} | given).json
        assert error == {"message": "Invalid JSON", "details": [{"path": path + place, "errors": [text]}]}


def in_networks(networks, *mappings, container=MESOS):
    """An app with ports in container networks."""
    return {"id": "/x", "cmd": "sleep 3600", "instances": 0, "networks": [{"name": name} for name in networks],
            "container": container | {"portMappings": [PORT | mapping for mapping in mappings]}}


@pytest.mark.parametrize("body", [
    in_networks(["a"], {"hostPort": 0, "networkNames": ["a"]}, container=DOCKER),
    in_networks(["a"], {"networkNames": ["a"]}, container=DOCKER),
    in_networks(["a"], {"hostPort": 0, "networkNames": ["a"]}),
    in_networks(["a", "b"], {"hostPort": 0, "networkNames": ["b"]}, {"networkNames": ["a", "b"]}, {}),
])
def test_network_names(api, body):
    """A port names the networks of its app that it belongs to, and shows them again."""
    api.change("POST", "/v2/apps", body, status=201)
    shown = api.app("/x")["container"]["portMappings"]
    given = body["container"]["portMappings"]
    assert [mapping.get("networkNames") for mapping in shown] == [item.get("networkNames") for item in given]


@pytest.mark.parametrize("path, text, body", [
    ("/container/portMappings(1)/networkNames(0)", "is not one of (a)", in_networks(["a"], {}, {"networkNames": ["b"]})),
    ("/container/portMappings(0)/networkNames(1)", "is not one of (a,b)", in_networks(
        ["a", "b"], {"networkNames": ["b", "c"]})),
    ("/container/portMappings(0)/networkNames(0)", "is not one of ()", in_networks(
        [], {"networkNames": ["a"]}) | {"networks": [{"mode": "container/bridge"}]}),
    ("/container/portMappings(0)",
     "networkNames must be a single item list when hostPort is specified and more than 1 container network is defined",
     in_networks(["a", "b"], {"hostPort": 0})),
    ("/container/portMappings(0)",
     "networkNames must be a single item list when hostPort is specified and more than 1 container network is defined",
     in_networks(["a", "b"], {"hostPort": 0, "networkNames": ["a", "b"]})),
])
def test_wrong_network_names(api, path, text, body):
    """A port names no network that its app does not have, and only one when the host has one port for it."""
    error = api.expect(422, "POST", "/v2/apps", body).json
    assert error == {"message": "Object is not valid", "details": [{"path": path, "errors": [text]}]}


@pytest.mark.parametrize("path, text, fields", [
    ("/env/keys(0)", "must not be empty", {"env": {"": "a"}}),
    ("/acceptedResourceRoles", "must not be empty", {"acceptedResourceRoles": []}),
    ("/acceptedResourceRoles", "acceptedResourceRoles can only contain", {"acceptedResourceRoles": ["other"]}),
    ("/networks", "Bridge networks may not have names", {
        "container": DOCKER, "networks": [{"mode": "container/bridge", "name": "a"}]}),
    ("/networks", "Host networks may not have names or labels", {"networks": [{"mode": "host", "labels": {"a": "b"}}]}),
    ("/networks", "Duplicate networks are not allowed", {
        "container": MESOS, "networks": [{"mode": "container", "name": "a"}, {"mode": "container", "name": "a"}]}),
    ("/networks",
     "May specify a single host network, single bridge network, or else 1-to-n container networks", {
         "container": DOCKER, "networks": [{"mode": "container/bridge"}, {"mode": "container/bridge"}]}),
    ("/", "may only specify a single container network when using the Docker container engine", {
        "container": DOCKER, "networks": [{"mode": "container", "name": "a"}, {"mode": "container", "name": "b"}]}),
    ("/", "portMappings are not allowed with host-networking", {"container": DOCKER | {"portMappings": [PORT]}}),
    ("/", "must not specify both container.docker.network and networks", {
        "container": {"docker": {"image": "busybox", "network": "HOST"}}, "networks": [{"mode": "host"}]}),
    ("/container/portMappings", "Port names must be unique.", {
        "container": DOCKER | {"portMappings": [PORT | {"name": "a"}, PORT | {"name": "a"}]},
        "networks": [{"mode": "container/bridge"}]}),
    ("/container/docker/network", "must be empty", {
        "container": MESOS | {"docker": {"image": "busybox", "network": "BRIDGE"}}}),
    ("/container/docker/portMappings", "must be empty", {
        "container": MESOS | {"docker": {"image": "busybox", "portMappings": [PORT]}},
        "networks": [{"mode": "container/bridge"}]}),
    ("/container/docker/credential", "must be empty", {
        "container": MESOS | {"docker": {"image": "busybox", "credential": {"principal": "a"}}}}),
    ("/container/docker/pullConfig", "pullConfig is not supported with Docker containerizer", {
        "container": {"docker": {"image": "busybox", "pullConfig": {"secret": "s"}}}}),
])
def test_rules(api, path, text, fields):
    """Definitions that are well formed and make no sense are refused, in the words of the original."""
    body = {"id": "/x", "cmd": "sleep 3600", "instances": 0} | fields
    error = api.expect(422, "POST", "/v2/apps", body).json
    assert error["message"] == "Object is not valid"
    texts = [found for item in error["details"] if item["path"] == path for found in item["errors"]]
    assert any(found.startswith(text) for found in texts), error


@pytest.mark.parametrize("text, fields", [
    ("unsupported docker network type NONE", {"container": {"docker": {"image": "busybox", "network": "NONE"}}}),
    ("cannot specify both portMappings and docker.portMappings", {
        "container": {"docker": {"image": "busybox", "portMappings": [PORT]}, "portMappings": [PORT]},
        "networks": [{"mode": "container/bridge"}]}),
])
def test_conflicts_of_old_and_new_forms(api, text, fields):
    """Forms that cannot be brought together are refused by a message alone."""
    error = api.expect(422, "POST", "/v2/apps", {"id": "/x", "cmd": "sleep 3600", "instances": 0} | fields).json
    assert error == {"message": text}


@pytest.mark.parametrize("given, absolute", [
    ("a/../b", "/b"), ("/a/./b", "/a/b"), ("a.b/c-1", "/a.b/c-1"), ("/a//b/", "/a/b")])
def test_ids_are_made_absolute(api, given, absolute):
    """Dots in ids are resolved against the root."""
    created = api.expect(201, "POST", "/v2/apps", {"id": given, "cmd": "sleep 3600", "instances": 0}).json
    assert created["id"] == absolute
    assert api.app(absolute)["id"] == absolute


@pytest.mark.parametrize("given", ["/", "..", "/.", "/a/tasks", "/versions"])
def test_ids_that_no_app_has(api, given):
    """The root and the words that end the paths of the API are no ids of apps."""
    error = api.expect(422, "POST", "/v2/apps", {"id": given, "cmd": "sleep 3600", "instances": 0}).json
    assert error["details"][0]["path"] == "/id"


@pytest.mark.parametrize("field, value", [
    ("healthChecks", [{"protocol": "HTTP"}]), ("check", {"tcp": {"port": 1}}),
    ("constraints", [["hostname", "UNIQUE"]]),
    ("readinessChecks", [{"name": "ready"}]), ("fetch", [{"uri": "http://host.example/file"}]),
    ("uris", ["http://host.example/file"]), ("dependencies", ["/other"]), ("secrets", {"s": {"source": "p"}}),
    ("residency", {"taskLostBehavior": "WAIT_FOREVER"}), ("gpus", 1), ("resourceLimits", {"cpus": "unlimited"}),
    ("ipAddress", {"networkName": "net"}), ("tty", True), ("executorResources", {"cpus": 1}),
])
def test_what_is_not_supported_is_refused(api, field, value):
    """A definition that asks for what this version does not do is refused by name, and nothing is created."""
    error = api.expect(422, "POST", "/v2/apps", {"id": "/x", "cmd": "sleep 3600", field: value}).json
    assert error == {"message": "Object is not valid", "details": [
        {"path": f"/{field}", "errors": ["is not supported by this version"]}]}
    api.get("/v2/apps/x", 404)


@pytest.mark.parametrize("field, value", [
    ("linuxInfo", {"seccomp": {"profileName": "default.json"}}), ("linuxInfo", {"ipcInfo": {"mode": "PRIVATE"}}),
    ("volumes", [{"containerPath": "data", "mode": "RW", "persistent": {"size": 10}}]),
    ("volumes", [{"containerPath": "/data", "mode": "RW", "external": {"name": "v", "provider": "dvdi"}}]),
    ("volumes", [{"containerPath": "/data", "secret": "s"}]),
    ("docker", {"image": "busybox", "pullConfig": {"secret": "s"}}),
])
def test_containers_that_are_not_supported_are_refused(api, field, value):
    """A container that would run without something it asks for does not run."""
    body = {"id": "/x", "cmd": "sleep 3600", "container": {"type": "MESOS", field: value}}
    assert api.expect(422, "POST", "/v2/apps", body).json["message"] == "Object is not valid"
    api.get("/v2/apps/x", 404)


def test_own_executors_are_refused(api):
    """A task is not run by the command executor when its app names another one."""
    api.expect(422, "POST", "/v2/apps", {"id": "/x", "cmd": "sleep 3600", "executor": "/opt/executor"})


@pytest.mark.parametrize("text", [
    "[", "[" * 100_000, '{"a":' * 50_000, '{"id": "/x", "cmd": "true"} trailing', '{"id": "/x", "cmd": "tr\u0000ue"}',
    b'{"id": "/x", "cmd": "\xff\xfe"}', '"/x"', "5", "null", "[]", '{"id": "/x", "cmd": "true", "instances": 1e99}',
    '{"id": "/x", "cmd": "true", "cpus": 1e999}', '{"id": "/x", "cmd": "true", "mem": NaN}',
    '{"id": "/x", "cmd": "true", "backoffSeconds": 99999999999999999999}',
], ids=range(14))
def test_strange_bodies(api, text):
    """Bodies that no client should send are refused, and Marathon goes on."""
    answer = api.request("POST", "/v2/apps", text=text)
    assert answer.status in (400, 422), answer
    assert answer.json["message"] == "Invalid JSON"
    api.get("/v2/apps/x", 404)


def test_paths_with_slashes(api):
    """A leading slash may be left out or doubled, one at the end is ignored."""
    api.create("/a/b/c")
    for path in ["/v2/apps/a/b/c", "/v2/apps//a/b/c", "/v2/apps/a/b/c/"]:
        assert api.get(path)["app"]["id"] == "/a/b/c"
    for path in ["/v2/apps/a/b", "/v2/apps/a", "/v2/apps/a/b/c/d", "/v2/apps/A%20B", "/v2/apps/..%2f..%2fetc"]:
        assert re.fullmatch("App '.*' does not exist", api.get(path, 404)["message"])
