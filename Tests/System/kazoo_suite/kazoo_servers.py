"""A pytest plugin that stands in for kazoo.testing.common, the module with which kazoo's tests start their servers.

kazoo's own starts Java with the paths of Apache's archive, makes certificates with two more libraries, and takes fixed
ports. This one starts what the system tests start: our coordinator, or Debian's Apache ZooKeeper for comparison, each
with a port for TLS besides. The tests of kazoo themselves stay as they are. KAZOO_SUITE_SERVER names the server.
"""

import os
import shutil
import signal
import sys
import tempfile
import types
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from certificates import Authority  # noqa: E402
from harness import HOST, Coordinator, SecureZooKeeper, free_port  # noqa: E402

KINDS = {"Coordinator": Coordinator, "ZooKeeper": SecureZooKeeper}

#: What kazoo writes into every zoo.cfg.
SETTINGS = {
    "tickTime": 2000, "maxClientCnxns": 0,
    "authProvider.1": "org.apache.zookeeper.server.auth.SASLAuthenticationProvider"}


def settings(entries, properties):
    """kazoo's lines of a zoo.cfg, and its system properties of Java, which a zoo.cfg takes as well."""
    lines = [*entries, *(text.removeprefix("-Dzookeeper.") for text in properties)]
    return SETTINGS | dict(line.split("=", 1) for line in lines)


class ManagedServer:
    """A server of a cluster; it keeps its ports, and its data until it is destroyed."""

    def __init__(self, kind, zoo_cfg, jaas):
        self.client_port, self._secure_port = free_port(), free_port()
        secure = {"secureClientPort": self._secure_port, "secureClientPortAddress": HOST}
        self._kind, self._zoo_cfg, self._jaas = kind, zoo_cfg | secure, jaas
        self.working_path = Path(tempfile.mkdtemp(prefix="kazoo-"))
        self._program = None

    @property
    def address(self):
        return f"{HOST}:{self.client_port}"

    @property
    def secure_address(self):
        return f"{HOST}:{self._secure_port}"

    @property
    def running(self):
        return self._program is not None and self._program.is_running

    def run(self):
        """Starts it, and returns when it serves, so that nobody has to sleep."""
        if self.running:
            return
        self.working_path.mkdir(exist_ok=True)
        login = self.working_path / "jaas.conf"
        login.write_text(self._jaas or "")
        # The key of a zoo.cfg that ours knows; Java takes it as an option.
        users = {"java.security.auth.login.config": login} if self._jaas else {}
        self._program = self._kind(
            self.working_path, port=self.client_port, myid=1, settings=self._zoo_cfg | users)
        # kazoo hashes passwords as UTF-8; Java would read them in the encoding of the locale.
        self._program.environment["JDK_JAVA_OPTIONS"] = (
            f"-Dfile.encoding=UTF-8 -Djava.security.auth.login.config={login}")
        self._program.start_and_wait()

    def stop(self):
        if self.running:
            self._program.terminate(timeout=30)

    def reset(self):
        """Stops it and forgets what it holds."""
        self.stop()
        shutil.rmtree(self.working_path, ignore_errors=True)

    destroy = reset

    def get_logs(self, num_lines=100):
        return self._program.tail(num_lines).splitlines() if self._program else []


class ZookeeperCluster:
    """The servers of kazoo's tests; paths of Java and the fixed ports, which it is told too, are not needed."""

    def __init__(self, size=1, configuration_entries=(), java_system_properties=(), jaas_config=None, **_):
        assert size == 1, "only a server that stands alone is tested: ZOOKEEPER_CLUSTER_SIZE=1"
        kind = KINDS[os.environ["KAZOO_SUITE_SERVER"]]
        self._certificates = tempfile.TemporaryDirectory(prefix="kazoo-")
        self._authority = Authority(self._certificates.name)
        self._client = self._authority.issue("client")
        zoo_cfg = settings(configuration_entries, java_system_properties) | {
            "ssl.keyStore.location": self._authority.issue("server").pem(),
            "ssl.trustStore.location": self._authority.trust}
        self._servers = [ManagedServer(kind, zoo_cfg, jaas_config) for _ in range(size)]

    def __getitem__(self, index):
        return self._servers[index]

    def __iter__(self):
        return iter(self._servers)

    def start(self):
        for server in self:
            server.run()

    def stop(self):
        for server in self:
            server.stop()

    def terminate(self):
        for server in self:
            server.destroy()

    reset = terminate

    def get_logs(self):
        return [line for server in self for line in server.get_logs()]

    def get_ssl_client_configuration(self):
        """Key and certificate of a client, and whom it trusts, as the content of PEM files."""
        return {"client_key": self._client.key.read_bytes(), "client_cert": self._client.certificate.read_bytes(),
                "ca_cert": self._authority.certificate.read_bytes()}


def stand_in():
    """Puts this module in the place of kazoo's before anything of kazoo.testing is imported."""
    assert "kazoo.testing" not in sys.modules
    module = types.ModuleType("kazoo.testing.common")
    module.ZookeeperCluster = ZookeeperCluster
    sys.modules[module.__name__] = module


def pytest_configure():
    """A SIGTERM ends the servers too, as Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


stand_in()
