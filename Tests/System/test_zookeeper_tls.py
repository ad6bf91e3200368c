"""Services whose sessions are encrypted (`--zk_ssl_trust_store` and its neighbours)."""

import pytest

from harness import HOST, Coordinator, Marathon, Master, SecureZooKeeper, wait_for
from certificates import PASSWORD, Authority
from marathon_cluster import ProcessAgent, RestAPI
from test_coordinator_tls import secure


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def service(testbed, kind, server, *flags):
    """A program that comes by the port for TLS."""
    program = testbed.new(kind, server)
    port = f"{HOST}:{server.port}"
    program.arguments = [argument.replace(port, f"{HOST}:{server.secure_port}") for argument in program.arguments]
    program.arguments += flags
    return program


@pytest.mark.parametrize("kind", [Coordinator, SecureZooKeeper], ids=["coordinator", "ZooKeeper"])
def test_services(testbed, authority, tmp_path, kind):
    """A master is elected, an agent finds it and Marathon runs an app, all by TLS and with certificates."""
    settings = secure(authority)
    server = testbed.start(kind, settings=settings)
    server.secure_port = settings["secureClientPort"]
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    flags = [f"--zk_ssl_trust_store={authority.trust}",
             f"--zk_ssl_key_store={authority.issue('service').pkcs12()}", f"--zk_ssl_password_file={password}"]
    for program in (Master, ProcessAgent):
        service(testbed, program, server, *flags).start_and_wait()
    marathon = service(testbed, Marathon, server, *flags).start_and_wait()
    api = RestAPI(marathon.port)
    wait_for(lambda: api.request("GET", "/v2/leader").status == 200, 60, "Marathon leads")
    api.create("/app")
    wait_for(lambda: api.get("/v2/apps//app")["app"]["tasksRunning"] == 1, 60, "the app runs")
    api.delete_all()


def test_distrust(testbed, authority, tmp_path):
    """A coordinator of another authority, or for another host, is not trusted, and the log says why."""
    elsewhere = authority.issue("elsewhere", host="10.99.99.99")
    settings = secure(authority, ssl_clientAuth="none")
    settings["ssl.keyStore.location"] = elsewhere.pem()
    server = testbed.start(Coordinator, settings=settings)
    server.secure_port = settings["secureClientPort"]
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other", "other")
    for trust, reason in ((other.trust, "certificate verify failed"), (authority.trust, "IP address mismatch")):
        master = service(testbed, Master, server, f"--zk_ssl_trust_store={trust}").start()
        wait_for(lambda: reason in master.text(), 30, f"'{reason}' is in {master.text()}")
    trusting = service(
        testbed, Master, server, f"--zk_ssl_trust_store={authority.trust}", "--zk_ssl_hostname_verification=false")
    trusting.start_and_wait()


def test_plain_port(testbed, authority):
    """A port that does not speak TLS is told of."""
    server = testbed.start(Coordinator)
    server.secure_port = server.port
    master = service(testbed, Master, server, f"--zk_ssl_trust_store={authority.trust}").start()
    wait_for(lambda: "cannot connect to ZooKeeper" in master.text(), 30, "the complaint")


@pytest.mark.parametrize("flags, complaint", [
    (["--zk_ssl_key_store=/x.pem"], "--zk_ssl_key_store has no effect without --zk_ssl_trust_store"),
    (["--zk_ssl_trust_store=/x.jks"], "expected a file whose name ends in .pem or .p12"),
    (["--zk_ssl_trust_store=/nowhere/x.pem"], "/nowhere/x.pem: cannot be read"),
], ids=["key alone", "form", "missing"])
def test_complaints(testbed, flags, complaint):
    """Stores that cannot be used stop the start."""
    server = testbed.new(Coordinator)
    server.secure_port = server.port
    master = service(testbed, Master, server, *flags).start()
    assert master.wait(20) == 1
    assert complaint in master.text()
