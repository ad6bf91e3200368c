"""TLS for clients: keys and certificates in the forms that ZooKeeper takes, certificates of clients as identities."""
import os
import re
import socket
import ssl
import subprocess
from pathlib import Path

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import InvalidACLError, NoAuthError
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.security import CREATOR_ALL_ACL, make_acl

import wire
from certificates import PASSWORD, Authority
from harness import (
    HOST, JAR, NETTY, Coordinator, SecureZooKeeper, four_letter_word, free_port, programs_path, wait_for)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def worker(authority):
    return authority.issue("worker", "/O=Example/OU=ops/CN=worker")


def secure(authority, **settings):
    """A zoo.cfg with a port for TLS besides the plain one."""
    server = authority.issue("server")
    return {
        "secureClientPort": free_port(), "secureClientPortAddress": HOST, "ssl.keyStore.location": server.pem(),
        "ssl.trustStore.location": authority.trust,
    } | {key.replace("_", "."): value for key, value in settings.items()}


class Clients:
    """Kazoo clients that end with the test."""

    def __init__(self, authority):
        self.authority = authority
        self.open = []

    def start(self, port, certificate=None, timeout=15):
        files = {"certfile": str(certificate.certificate), "keyfile": str(certificate.key)} if certificate else {}
        client = KazooClient(
            f"{HOST}:{port}", use_ssl=True, ca=str(self.authority.certificate), timeout=10, **files)
        self.open.append(client)
        client.start(timeout=timeout)
        return client


@pytest.fixture
def clients(authority):
    clients = Clients(authority)
    yield clients
    for client in clients.open:
        client.stop()
        client.close()


def start(testbed, kind, settings):
    server = testbed.start(kind, settings=settings)
    server.secure_port = settings["secureClientPort"]
    return server


@pytest.fixture(scope="module", params=[Coordinator, SecureZooKeeper], ids=["coordinator", "ZooKeeper"])
def served(request, authority, shared_testbed):
    return start(shared_testbed, request.param, secure(authority, **{
        "X509AuthenticationProvider.superUser": "CN=root,O=Example"}) | {"4lw.commands.whitelist": "*"})


# Who a client is: our coordinator and Apache ZooKeeper say the same.


SUBJECTS = {
    "plain": ("/O=Example/OU=ops/CN=worker", "CN=worker,OU=ops,O=Example"),
    "special": ("/O=Ex, ample; \"Inc\"/OU=a\\+b=c#d/CN=#w <x> ", None),
    "unicode": ("/C=DE/ST=Bayern/L=München/STREET=Straße 1/CN=wörker", None),
    "numbers": ("/DC=org/DC=example/UID=me/CN=worker/emailAddress=me@example.org/serialNumber=7", None),
    "several": ("/O=Example/CN=worker+UID=me", None),
}


@pytest.fixture(scope="module")
def names():
    """What the servers call the owner of a certificate, by server and subject."""
    return {}


@pytest.mark.parametrize("kind", SUBJECTS)
def test_subject(served, authority, clients, names, kind):
    """The subject of a certificate is the identity, written as Java writes it."""
    subject, expected = SUBJECTS[kind]
    client = clients.start(served.secure_port, authority.issue(kind, subject))
    client.create(f"/{kind}", acl=CREATOR_ALL_ACL)
    acls, _ = client.get_acls(f"/{kind}")
    [entry] = acls
    assert entry.id.scheme == "x509"
    assert expected in (None, entry.id.id)
    names.setdefault(kind, entry.id.id)
    assert names[kind] == entry.id.id


def test_access(served, authority, worker, clients):
    """A node of one certificate is not another's; the super user's is above that."""
    owner = clients.start(served.secure_port, worker)
    owner.create("/private", b"mine", acl=[make_acl("x509", "CN=worker,OU=ops,O=Example", all=True)])
    assert owner.get("/private")[0] == b"mine"
    other = clients.start(served.secure_port, authority.issue("other"))
    with pytest.raises(NoAuthError):
        other.get("/private")
    root = clients.start(served.secure_port, authority.issue("root", "/O=Example/CN=root"))
    assert root.get("/private")[0] == b"mine"
    with pytest.raises(InvalidACLError):
        owner.create("/bad", acl=[make_acl("x509", "no name", all=True)])


def test_stranger(served, clients, tmp_path):
    """Whom another authority signed has no way in, nor has who shows no certificate."""
    stranger = Authority(tmp_path, "stranger").issue("impostor", "/O=Example/OU=ops/CN=worker")
    for certificate in (stranger, None):
        with pytest.raises(KazooTimeoutError):
            clients.start(served.secure_port, certificate, timeout=3)
    assert four_letter_word(served.port, "ruok") == "imok"


def test_plain_text(testbed, authority):
    """Plain text on the port for TLS ends its connection at once."""
    server = start(testbed, Coordinator, secure(authority))
    with socket.create_connection((HOST, server.secure_port), timeout=10) as plain:
        plain.sendall(wire.connect_request())  # OpenSSL looks at no less than the five bytes of a record's header.
        assert plain.recv(100)[:1] in (b"", b"\x15")  # The end, or an alert of TLS.


def context(authority, certificate=None):
    context = ssl.create_default_context(cafile=authority.certificate)
    if certificate:
        context.load_cert_chain(certificate.certificate, certificate.key)
    return context


def secure_word(port, word, context):
    """What a server answers to a four-letter word by TLS; the name in its certificate is checked."""
    with socket.create_connection((HOST, port), timeout=10) as plain:
        with context.wrap_socket(plain, server_hostname=HOST) as connection:
            connection.sendall(word.encode())
            answer = b""
            while part := connection.recv(65536):
                answer += part
            return answer.decode()


def test_words(served, authority, worker):
    assert secure_word(served.secure_port, "ruok", context(authority, worker)) == "imok"
    assert f"secureClientPort={served.secure_port}\n" in four_letter_word(served.port, "conf")


# Forms of keys, and what zoo.cfg says of them.


@pytest.mark.parametrize("form", ["pkcs12", "encrypted_pem"])
def test_forms(testbed, authority, worker, clients, tmp_path, form):
    """PKCS #12 for keys and for trust, and a PEM whose key is encrypted; the password stands in a file."""
    password = tmp_path / "password"
    password.write_text(f"{PASSWORD}\n")
    settings = secure(authority)
    settings["ssl.keyStore.location"] = getattr(authority.issue("server"), form)()
    settings["ssl.keyStore.passwordPath"] = password
    if form == "pkcs12":
        settings |= {"ssl.trustStore.location": authority.pkcs12_trust(), "ssl.trustStore.password": PASSWORD}
    server = start(testbed, Coordinator, settings)
    assert clients.start(server.secure_port, worker).exists("/zookeeper")


def test_wanted(testbed, authority, worker, clients):
    """ssl.clientAuth=want: a client without a certificate is nobody; one with a certificate is somebody."""
    server = start(testbed, Coordinator, secure(authority, ssl_clientAuth="want"))
    nobody = clients.start(server.secure_port)
    with pytest.raises(InvalidACLError):
        nobody.create("/mine", acl=CREATOR_ALL_ACL)
    clients.start(server.secure_port, worker).create("/mine", acl=CREATOR_ALL_ACL)


def test_one_port(testbed, authority, clients):
    """client.portUnification: the usual port takes both; without a secureClientPort there is no other."""
    settings = secure(authority, ssl_clientAuth="none") | {"client.portUnification": "true", "secureClientPort": None}
    server = testbed.start(Coordinator, settings=settings)
    clients.start(server.port).create("/node", b"by TLS")
    plain = KazooClient(f"{HOST}:{server.port}")
    plain.start()
    assert plain.get("/node")[0] == b"by TLS"
    plain.stop()
    plain.close()


def test_secure_alone(testbed, authority, worker, clients):
    """Without a clientPort nothing listens for plain text."""
    settings = secure(authority)
    port = settings["secureClientPort"]
    server = testbed.new(Coordinator, settings=settings | {"clientPort": None})
    server.is_ready = lambda: port_is_open(port)
    server.start_and_wait()
    assert clients.start(port, worker).exists("/zookeeper")
    listening = subprocess.run(
        ["ss", "-Hltnp"], check=True, capture_output=True, text=True).stdout.splitlines()
    mine = [line.split()[3] for line in listening if f"pid={server.process.pid}," in line]
    assert mine == [f"{HOST}:{port}"]


def port_is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def test_versions_and_ciphers(testbed, authority, worker):
    """What zoo.cfg allows is what a client gets."""
    server = start(testbed, Coordinator, secure(
        authority, ssl_enabledProtocols="TLSv1.2", ssl_ciphersuites="TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"))
    with socket.create_connection((HOST, server.secure_port), timeout=10) as plain:
        with context(authority, worker).wrap_socket(plain, server_hostname=HOST) as connection:
            assert (connection.version(), connection.cipher()[0]) == ("TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384")
    newer = context(authority, worker)
    newer.minimum_version = ssl.TLSVersion.TLSv1_3
    with pytest.raises(ssl.SSLError):
        secure_word(server.secure_port, "ruok", newer)


def test_reload(testbed, authority, worker, clients):
    """New files are used without a restart; files that are no use leave the old keys in force, and are told of."""
    settings = secure(authority)
    server = start(testbed, Coordinator, settings)
    store = Path(settings["ssl.keyStore.location"])
    before = clients.start(server.secure_port, worker)
    first = served_certificate(server, authority, worker)
    store.write_text("no key")
    wait_for(lambda: "cannot be used" in server.text(), what="the complaint about the new file")
    assert served_certificate(server, authority, worker) == first
    renewed = authority.issue("server").pem()
    assert renewed == store
    wait_for(lambda: served_certificate(server, authority, worker) != first, what="the new certificate")
    assert before.exists("/zookeeper")


def served_certificate(server, authority, worker):
    with socket.create_connection((HOST, server.secure_port), timeout=10) as plain:
        with context(authority, worker).wrap_socket(plain, server_hostname=HOST) as connection:
            return connection.getpeercert(binary_form=True)


def test_enforced(testbed, authority, worker, clients):
    """enforce.auth.schemes=x509: who comes by the plain port may do nothing."""
    server = start(testbed, Coordinator, secure(authority) | {
        "enforce.auth.enabled": "true", "enforce.auth.schemes": "x509"})
    assert clients.start(server.secure_port, worker).exists("/zookeeper")
    plain = KazooClient(f"{HOST}:{server.port}")
    plain.start()
    with pytest.raises(Exception):
        plain.exists("/zookeeper")
    plain.stop()
    plain.close()


@pytest.mark.parametrize("changes, complaint", [
    ({"ssl.keyStore.location": None}, "ssl.keyStore.location is missing"),
    ({"ssl.trustStore.location": None}, "ssl.trustStore.location is missing"),
    ({"ssl.keyStore.location": "/nowhere/server.pem"}, "/nowhere/server.pem: cannot be read"),
    ({"ssl.keyStore.location": "/x/server.jks"}, "keytool -importkeystore"),
    ({"ssl.crl": "true"}, "ssl.crl=true is not supported"),
    ({"ssl.clientAuth": "maybe"}, "expected none, want or need"),
    ({"ssl.enabledProtocols": "SSLv3"}, "'SSLv3' is wrong"),
    ({"ssl.ciphersuites": "ROT13"}, "ROT13 is no cipher suite"),
    ({"ssl.keyStore.type": "PKCS12"}, "this is no PKCS #12 file"),
], ids=lambda value: next(iter(value)) if isinstance(value, dict) else "")
def test_complaints(authority, tmp_path, changes, complaint):
    """What cannot be used stops the start and is told by name."""
    server = Coordinator(tmp_path, settings=secure(authority) | changes)
    done = subprocess.run(server.command(), capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert complaint in done.stderr


# Clients of other makers, and no clients at all.


def test_java(testbed, authority, worker, clients):
    """zkCli.sh, the shell of the Java client."""
    shell = Path("/usr/share/zookeeper/bin/zkCli.sh")
    if not shell.exists():
        pytest.skip("zkCli.sh is not installed: apt-get install zookeeper")
    server = start(testbed, Coordinator, secure(authority))
    flags = {
        "zookeeper.client.secure": "true", "zookeeper.clientCnxnSocket": "org.apache.zookeeper.ClientCnxnSocketNetty",
        "zookeeper.ssl.keyStore.location": worker.pem(), "zookeeper.ssl.trustStore.location": authority.trust}
    done = subprocess.run(
        ["java", *[f"-D{key}={value}" for key, value in flags.items()], "-cp", ":".join([str(JAR), *NETTY]),
         "org.apache.zookeeper.ZooKeeperMain", "-server", f"{HOST}:{server.secure_port}"],
        input="create /java text\nget /java\nwhoami\nquit\n", text=True, timeout=60, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    assert re.search(r"^text$", done.stdout, re.M), done.stdout
    assert "CN=worker" in done.stdout, done.stdout


def test_garbage(served, authority, worker):
    """Bytes that are no TLS, and handshakes that stop half-way, end their connection alone."""
    hello = bytes.fromhex("16030100050100000100")
    for start_of in [os.urandom(64) for _ in range(50)] + [hello, hello[:3], b"\x16\x03\x01\xff\xff" + os.urandom(500)]:
        with socket.create_connection((HOST, served.secure_port), timeout=10) as connection:
            connection.sendall(start_of)
    assert secure_word(served.secure_port, "ruok", context(authority, worker)) == "imok"
