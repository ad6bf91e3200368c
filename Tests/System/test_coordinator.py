"""What clients of a coordinator rely on, asked of our coordinator and of Apache ZooKeeper alike."""

import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from kazoo import exceptions as errors
from kazoo.protocol.states import EventType
from kazoo.security import OPEN_ACL_UNSAFE

import wire
from harness import wait_for
from wire import Event, Wire


@pytest.fixture
def client(server, connect):
    return connect(server)


@pytest.fixture
def root(client, request):
    """A node of the test's own."""
    return client.create("/test-", sequence=True)


def expire(server, client):
    """Ends the session of a client behind its back."""
    session, password = client.client_id
    with Wire(server.port, session=session, password=password) as other:
        other.call(wire.CLOSE)


# Nodes.


def test_create_and_read(client, root):
    """A new node has its data and a Stat that tells of one create and nothing else."""
    path = client.create(f"{root}/a", b"content")
    data, stat = client.get(path)
    assert (path, data) == (f"{root}/a", b"content")
    assert stat.czxid == stat.mzxid == stat.pzxid > 0
    assert (stat.version, stat.cversion, stat.aversion) == (0, 0, 0)
    assert (stat.dataLength, stat.numChildren, stat.ephemeralOwner) == (7, 0, 0)
    assert stat.ctime == stat.mtime
    assert abs(stat.ctime / 1000 - time.time()) < 60
    assert client.exists(path) == stat
    assert client.exists(f"{root}/b") is None


def test_create_with_stat(client, root):
    """create2 answers with the Stat of the new node."""
    path, stat = client.create(f"{root}/a", b"1", include_data=True)
    assert client.get(path) == (b"1", stat)


def test_create_errors(client, root):
    """A node has one parent that exists and is no ephemeral node, and is created once."""
    client.create(f"{root}/a")
    client.create(f"{root}/ephemeral", ephemeral=True)
    with pytest.raises(errors.NodeExistsError):
        client.create(f"{root}/a")
    with pytest.raises(errors.NoNodeError):
        client.create(f"{root}/none/a")
    with pytest.raises(errors.NoChildrenForEphemeralsError):
        client.create(f"{root}/ephemeral/a")


def test_sequential_names(client, root):
    """The number behind a name counts the creates below the parent, and deletes never bring one back."""
    assert client.create(f"{root}/q-", sequence=True) == f"{root}/q-0000000000"
    assert client.create(f"{root}/q-", sequence=True) == f"{root}/q-0000000001"
    client.delete(f"{root}/q-0000000001")
    client.create(f"{root}/plain")
    assert client.create(f"{root}/p-", sequence=True, ephemeral=True) == f"{root}/p-0000000003"
    assert client.create(f"{root}/", sequence=True) == f"{root}/0000000004"


def test_ephemeral_ends_with_its_session(server, client, connect, root):
    """An ephemeral node names its session and is gone when the session was closed."""
    other = connect(server)
    other.create(f"{root}/e", ephemeral=True)
    assert client.exists(f"{root}/e").ephemeralOwner == other.client_id[0]
    other.stop()
    assert client.exists(f"{root}/e") is None


def test_versions(client, root):
    """A write with the wrong version changes nothing; each right one raises version and mzxid."""
    path = client.create(f"{root}/a", b"0")
    before = client.exists(path)
    stat = client.set(path, b"1", version=0)
    assert (stat.version, stat.dataLength) == (1, 1)
    assert stat.mzxid > before.mzxid and stat.czxid == before.czxid
    for version in (0, 2):
        with pytest.raises(errors.BadVersionError):
            client.set(path, b"2", version=version)
        with pytest.raises(errors.BadVersionError):
            client.delete(path, version=version)
    assert client.get(path) == (b"1", stat)
    assert client.set(path, b"", version=-1).version == 2
    assert client.get(path)[0] == b""
    client.delete(path, version=2)
    assert client.exists(path) is None


def test_errors_of_missing_and_full_nodes(client, root):
    """What does not exist is not read or changed; a node with children is not deleted."""
    for call in (client.get, client.get_children, client.delete, client.get_acls, lambda path: client.set(path, b"")):
        with pytest.raises(errors.NoNodeError):
            call(f"{root}/none")
    client.create(f"{root}/a/b", makepath=True)
    with pytest.raises(errors.NotEmptyError):
        client.delete(f"{root}/a")


def test_children(client, root):
    """The children are listed by name; cversion counts creates and deletes, pzxid is the last of them."""
    for name in ("a", "b", "c"):
        client.create(f"{root}/{name}/below", makepath=True)
    client.delete(f"{root}/b", recursive=True)
    children, stat = client.get_children(root, include_data=True)
    assert sorted(children) == sorted(client.get_children(root)) == ["a", "c"]
    assert (stat.numChildren, stat.cversion) == (2, 4)
    client.set(f"{root}/a", b"1")
    assert client.exists(root).pzxid == stat.pzxid > client.exists(f"{root}/c").czxid
    assert client.get_children(f"{root}/a/below") == []


def test_names(client, root):
    """Names of any script and with blanks are kept; names that differ in their code points are different nodes."""
    names = ["with blank", "ümläut", "日本", "caf\u00e9", "cafe\u0301", "\u1112\u1161\u11ab", "\ud55c"]
    for name in names:
        client.create(f"{root}/{name}", name.encode())
    assert sorted(client.get_children(root)) == sorted(names)
    for name in names:
        assert client.get(f"{root}/{name}")[0] == name.encode()


def test_name_that_starts_with_a_combining_mark(client, root):
    """A slash parts names whatever character follows it."""
    client.create(f"{root}/\u0301a", b"1")
    assert client.get_children(root) == ["\u0301a"]
    assert client.get(f"{root}/\u0301a")[0] == b"1"


@pytest.mark.parametrize("path", [
    "a", "", "/", "//", "/a/", "/a//b", "/.", "/..", "/a/../b", "/a/.", "/nul\0", "/tab\t", "/del\x7f", "/x\u009f",
    "/private\ue000", "/x\ufff0", "/beyond-16-bits-\U0001f40b", "/zookeeper", "/zookeeper/quota"])
def test_bad_paths_are_refused(server, path):
    """No node gets a path that is relative, has empty or dot components or control characters, or is reserved."""
    others = {"/": -110, "/zookeeper": -110, "/zookeeper/quota": -110, "/a//b": -101, "/a/../b": -101}
    with Wire(server.port) as raw:
        if path.startswith("/a/"):
            assert raw.create("/a").error in (0, -110)
        # Which of several faults is told is left open.
        assert raw.create(path).error in (-8, others.get(path, -8))
        assert raw.ping().error == 0


def test_null_and_empty_data_differ(server, root):
    """A node without data is not one with empty data."""
    with Wire(server.port) as raw:
        raw.create(f"{root}/null", None)
        raw.create(f"{root}/empty", b"")
        assert wire.read_data(raw.get(f"{root}/null").body) is None
        assert wire.read_data(raw.get(f"{root}/empty").body) == b""
        raw.set(f"{root}/empty", None)
        assert wire.read_data(raw.get(f"{root}/empty").body) is None


def test_large_data(client, root):
    """A node holds nearly a mebibyte."""
    data = bytes(range(256)) * 4000
    client.create(f"{root}/large", data)
    assert client.get(f"{root}/large")[0] == data


def test_acl(client, root):
    """A new node is open to the world; setting its list raises aversion alone."""
    acl, stat = client.get_acls(root)
    assert (acl, stat.aversion) == (OPEN_ACL_UNSAFE, 0)
    changed = client.set_acls(root, OPEN_ACL_UNSAFE, version=0)
    assert (changed.aversion, changed.version, changed.mzxid) == (1, 0, stat.mzxid)
    with pytest.raises(errors.BadVersionError):
        client.set_acls(root, OPEN_ACL_UNSAFE, version=0)
    with pytest.raises(errors.InvalidACLError):
        client.set_acls(root, [])


def test_sync_shows_the_writes_of_others(server, client, connect, root):
    """After a sync a client sees what others were told is written."""
    other = connect(server)
    for round_number in range(20):
        other.set(root, b"%d" % round_number)
        assert client.sync(root) == root
        assert client.get(root)[0] == b"%d" % round_number


# Transactions.


def test_transaction_commits(client, root):
    """All operations are done under one zxid; each sees those before it."""
    transaction = client.transaction()
    transaction.create(f"{root}/a", b"1")
    transaction.check(f"{root}/a", 0)
    transaction.set_data(f"{root}/a", b"2", version=0)
    transaction.create(f"{root}/a/q-", sequence=True)
    transaction.create(f"{root}/gone", ephemeral=True)
    transaction.delete(f"{root}/gone")
    created, checked, changed, queued, gone, deleted = transaction.commit()
    assert (created, queued, gone) == (f"{root}/a", f"{root}/a/q-0000000000", f"{root}/gone")
    assert checked is True and deleted is True
    data, stat = client.get(f"{root}/a")
    assert (data, stat.version) == (b"2", 1)
    assert changed.version == 1
    assert stat.czxid == stat.mzxid == stat.pzxid == client.exists(root).pzxid
    assert client.get_children(root) == ["a"]


def test_transaction_rolls_back(client, root):
    """One failure undoes everything, sequence numbers too, and each operation is told what came of it."""
    client.create(f"{root}/a", b"1")
    before = client.get_children(root, include_data=True), client.get(f"{root}/a")
    transaction = client.transaction()
    transaction.create(f"{root}/q-", sequence=True)
    transaction.set_data(f"{root}/a", b"2")
    transaction.check(f"{root}/a", 7)
    transaction.delete(f"{root}/a")
    results = transaction.commit()
    assert [type(result) for result in results] == [
        errors.RolledBackError, errors.RolledBackError, errors.BadVersionError, errors.RuntimeInconsistency]
    assert (client.get_children(root, include_data=True), client.get(f"{root}/a")) == before
    assert client.create(f"{root}/q-", sequence=True) == f"{root}/q-0000000001"


def test_failed_transaction_fires_no_watch(client, root):
    """Nobody is told of what was undone."""
    events = queue.Queue()
    client.get_children(root, watch=events.put)
    transaction = client.transaction()
    transaction.create(f"{root}/a")
    transaction.delete(f"{root}/none")
    assert isinstance(transaction.commit()[1], errors.NoNodeError)
    client.create(f"{root}/b")
    assert events.get(timeout=5).type == EventType.CHILD
    assert client.get_children(root) == ["b"]


# Watches.


@pytest.mark.parametrize("watch, change, kind_of_event", [
    ("get", lambda client, path: client.set(path, b"1"), EventType.CHANGED),
    ("get", lambda client, path: client.delete(path), EventType.DELETED),
    ("exists", lambda client, path: client.set(path, b"1"), EventType.CHANGED),
    ("exists", lambda client, path: client.delete(path), EventType.DELETED),
    ("get_children", lambda client, path: client.create(f"{path}/a"), EventType.CHILD),
    ("get_children", lambda client, path: client.delete(path), EventType.DELETED),
], ids=["data-set", "data-delete", "exists-set", "exists-delete", "children-create", "children-delete"])
def test_watch_fires_once(server, client, connect, root, watch, change, kind_of_event):
    """A watch tells of the next change by anyone, once, and of nothing else."""
    path = client.create(f"{root}/a")
    events = queue.Queue()
    getattr(client, watch)(path, watch=events.put)
    other = connect(server)
    other.set_acls(path, OPEN_ACL_UNSAFE)
    change(other, path)
    event = events.get(timeout=5)
    assert (event.type, event.path) == (kind_of_event, path)
    other.delete(path, recursive=True) if other.exists(path) else other.create(path)
    client.sync(path)
    assert events.empty()


def test_watch_for_a_node_to_come(client, root):
    """exists watches a node that is not there; getData and getChildren leave no watch there."""
    events = queue.Queue()
    assert client.exists(f"{root}/a", watch=events.put) is None
    for call in (client.get, client.get_children):
        with pytest.raises(errors.NoNodeError):
            call(f"{root}/b", watch=events.put)
    client.create(f"{root}/b")
    client.create(f"{root}/a")
    event = events.get(timeout=5)
    assert (event.type, event.path) == (EventType.CREATED, f"{root}/a")
    client.sync(root)
    assert events.empty()


def test_one_event_for_two_watches_on_a_deleted_node(server, root):
    """A connection with a data and a child watch hears of a delete once."""
    with Wire(server.port) as raw:
        raw.create(f"{root}/a")
        raw.get(f"{root}/a", watch=True)
        raw.call(wire.CHILDREN, wire.text(f"{root}/a") + b"\1")
        raw.delete(f"{root}/a")
        raw.ping()
        assert raw.events == [Event(wire.DELETED, f"{root}/a")]


def test_own_event_comes_before_own_reply(server, root):
    """The one that writes hears of its watch first, then that the write is done."""
    with Wire(server.port) as raw:
        raw.get(root, watch=True)
        write = raw.send(wire.SET, wire.text(root) + wire.buffer(b"new") + wire.number(-1))
        read = raw.send(wire.GET, wire.text(root) + b"\0")
        assert raw.receive() == Event(wire.CHANGED, root)
        assert [raw.receive().xid, raw.receive().xid] == [write, read]


def test_event_comes_before_new_data(server, root):
    """A client that reads all the time never sees the new data before the event of its watch."""
    with Wire(server.port) as reader, Wire(server.port) as writer:
        for round_number in range(50):
            reader.events.clear()
            reader.get(root, watch=True)
            new = b"%d" % round_number
            writer.send(wire.SET, wire.text(root) + wire.buffer(new) + wire.number(-1))
            wait_for(lambda: wire.read_data(reader.get(root).body) == new, what="the reader sees the write")
            assert reader.events == [Event(wire.CHANGED, root)]
            assert writer.receive().error == 0


def test_watches_are_set_again(server, root):
    """After a reconnect missed events fire at once, and the other watches are kept."""
    with Wire(server.port) as writer, Wire(server.port) as watcher:
        for name in ("changed", "deleted", "same", "parent", "quiet"):
            writer.create(f"{root}/{name}")
        seen = watcher.ping().zxid
        watcher.socket.close()
        writer.set(f"{root}/changed", b"1")
        writer.delete(f"{root}/deleted")
        writer.create(f"{root}/created")
        writer.create(f"{root}/parent/child")
        with Wire(server.port, session=watcher.session, password=watcher.password, zxid=seen) as again:
            assert again.call(wire.SET_WATCHES, wire.set_watches(
                seen, [f"{root}/{name}" for name in ("changed", "deleted", "same")],
                [f"{root}/created", f"{root}/later"], [f"{root}/parent", f"{root}/quiet"]), xid=-8).error == 0
            assert sorted(again.events) == sorted([
                Event(wire.CHANGED, f"{root}/changed"), Event(wire.DELETED, f"{root}/deleted"),
                Event(wire.CREATED, f"{root}/created"), Event(wire.CHILD, f"{root}/parent")])
            again.events.clear()
            writer.set(f"{root}/same", b"1")
            writer.create(f"{root}/later")
            writer.create(f"{root}/quiet/child")
            again.ping()
            assert again.events == [
                Event(wire.CHANGED, f"{root}/same"), Event(wire.CREATED, f"{root}/later"),
                Event(wire.CHILD, f"{root}/quiet")]


def test_kazoo_watchers_follow(client, root):
    """kazoo's DataWatch and ChildrenWatch see the newest state, also after the session expired."""
    data, children = queue.Queue(), queue.Queue()
    client.DataWatch(f"{root}/a", lambda value, stat: data.put(value))
    client.ChildrenWatch(root, lambda names: children.put(sorted(names)))
    assert (data.get(timeout=5), children.get(timeout=5)) == (None, [])
    client.create(f"{root}/a", b"1")
    assert (data.get(timeout=5), children.get(timeout=5)) == (b"1", ["a"])
    client.set(f"{root}/a", b"2")
    client.create(f"{root}/b")
    assert (data.get(timeout=5), children.get(timeout=5)) == (b"2", ["a", "b"])


# Recipes of kazoo.


def test_lock_excludes(server, connect, client, root):
    """Under a lock a read and the write that follows it are not torn apart by others."""
    client.create(f"{root}/value", b"0")

    def work(other):
        for _ in range(5):
            with other.Lock(f"{root}/lock"):
                value = int(other.get(f"{root}/value")[0])
                other.set(f"{root}/value", b"%d" % (value + 1))

    with ThreadPoolExecutor() as threads:
        list(threads.map(work, [connect(server) for _ in range(4)], timeout=30))
    assert client.get(f"{root}/value")[0] == b"20"


def test_lock_passes_on_when_its_session_ends(server, connect, client, root):
    """The lock of a client that died goes to the next one in the queue, and not before."""
    holder = connect(server)
    assert holder.Lock(f"{root}/lock", "first").acquire(timeout=5)
    second = client.Lock(f"{root}/lock", "second")
    assert second.contenders() == ["first"]
    assert not second.acquire(blocking=False)
    with ThreadPoolExecutor() as threads:
        acquired = threads.submit(second.acquire, timeout=10)
        wait_for(lambda: second.contenders() == ["first", "second"], what="the second one waits")
        assert not acquired.done()
        expire(server, holder)
        assert acquired.result(10)
    second.release()


def test_election(server, connect, root):
    """One candidate leads at a time; the next one leads when the first is done or its session ends."""
    leaders, may_end = queue.Queue(), [threading.Event() for _ in range(3)]
    clients = [connect(server) for _ in range(3)]

    def stand(position):
        def lead():
            leaders.put(position)
            assert may_end[position].wait(20)
        try:
            clients[position].Election(f"{root}/election", str(position)).run(lead)
        except errors.KazooException:  # The one whose session has ended cannot take its node back.
            assert position == 1

    with ThreadPoolExecutor() as threads:
        for position in range(3):
            threads.submit(stand, position)
            election = clients[0].Election(f"{root}/election")
            wait_for(lambda: len(election.contenders()) == position + 1, what=f"candidate {position} stands")
        assert leaders.get(timeout=5) == 0
        assert leaders.empty()
        may_end[0].set()
        assert leaders.get(timeout=5) == 1
        expire(server, clients[1])
        assert leaders.get(timeout=5) == 2
        may_end[1].set()
        may_end[2].set()


def test_party(server, connect, client, root):
    """Members are there until they leave or their session ends."""
    others = [connect(server), connect(server)]
    parties = [other.Party(f"{root}/party", name) for other, name in zip(others, ("anna", "bert"))]
    for party in parties:
        party.join()
    view = client.Party(f"{root}/party")
    assert sorted(view) == ["anna", "bert"]
    parties[0].leave()
    assert list(view) == ["bert"]
    expire(server, others[1])
    assert list(view) == []


def test_counter(server, connect, client, root):
    """Increments by several clients at once are all counted: a version is written once."""
    def count(other):
        counter = other.Counter(f"{root}/counter")
        for _ in range(10):
            counter += 1

    with ThreadPoolExecutor() as threads:
        list(threads.map(count, [connect(server) for _ in range(3)], timeout=30))
    assert client.Counter(f"{root}/counter").value == 30


def test_queue(server, connect, client, root):
    """Each entry of a queue goes to one consumer."""
    client.LockingQueue(f"{root}/queue").put_all([b"%d" % entry for entry in range(20)])

    def consume(other):
        entries, taken = other.LockingQueue(f"{root}/queue"), []
        while (entry := entries.get(timeout=0.3)) is not None:
            taken.append(int(entry))
            assert entries.consume()
        return taken

    with ThreadPoolExecutor() as threads:
        taken = list(threads.map(consume, [connect(server) for _ in range(2)], timeout=30))
    assert sorted(taken[0] + taken[1]) == list(range(20))


# Sessions.


def test_silent_session_expires(server, client, root):
    """A session of which nothing is heard ends after its time-out, not before, and its ephemeral nodes with it."""
    with Wire(server.port, timeout=600) as silent, Wire(server.port) as watcher:
        started = time.monotonic()
        for name in ("a", "b"):
            assert silent.create(f"{root}/{name}", flags=wire.EPHEMERAL).error == 0
            assert watcher.exists(f"{root}/{name}", watch=True)
        assert watcher.receive() == Event(wire.DELETED, f"{root}/a")
        assert 0.6 <= time.monotonic() - started < 3
        assert watcher.receive() == Event(wire.DELETED, f"{root}/b")
        assert client.get_children(root) == []
        assert silent.is_closed()
        with Wire(server.port, session=silent.session, password=silent.password) as late:
            assert (late.session, late.timeout, late.password) == (0, 0, bytes(16))
            assert late.is_closed()


def test_pings_keep_a_session(server, root):
    """A session lives as long as it pings, whatever its time-out."""
    with Wire(server.port, timeout=400) as raw:
        raw.create(f"{root}/a", flags=wire.EPHEMERAL)
        end = time.monotonic() + 1.2
        wait_for(lambda: raw.ping().error == 0 and time.monotonic() > end, what="pings are answered")
        assert raw.exists(f"{root}/a")


def test_session_survives_its_connection(server, root):
    """A session and its ephemeral nodes go on over a new connection within the time-out."""
    with Wire(server.port) as first, Wire(server.port) as observer:
        first.create(f"{root}/a", flags=wire.EPHEMERAL)
        first.socket.close()
        with Wire(server.port, session=first.session, password=first.password) as second:
            assert (second.session, second.password) == (first.session, first.password)
            assert second.exists(f"{root}/a")
            assert second.create(f"{root}/b", flags=wire.EPHEMERAL).error == 0
            assert second.call(wire.CLOSE).error == 0
            assert not observer.exists(f"{root}/a") and not observer.exists(f"{root}/b")


def test_session_moves_to_the_newest_connection(server, root):
    """When a session connects again the older connection is closed."""
    with Wire(server.port) as first:
        first.create(f"{root}/a", flags=wire.EPHEMERAL)
        with Wire(server.port, session=first.session, password=first.password) as second:
            assert first.is_closed()
            assert second.exists(f"{root}/a")


def test_wrong_password_is_refused(server, root):
    """Nobody takes over a session without its password, and the session goes on."""
    with Wire(server.port) as first:
        first.create(f"{root}/a", flags=wire.EPHEMERAL)
        with Wire(server.port, session=first.session, password=b"x" * 16) as thief:
            assert (thief.session, thief.timeout) == (0, 0)
            assert thief.is_closed()
        with Wire(server.port, session=first.session, password=first.password) as again:
            assert again.session == first.session
            assert again.exists(f"{root}/a")


def test_close_answers_when_the_ephemerals_are_gone(server, root):
    """A client that closes its session gets its answer, then the end of the connection."""
    with Wire(server.port) as raw, Wire(server.port) as observer:
        raw.create(f"{root}/a", flags=wire.EPHEMERAL)
        assert raw.call(wire.CLOSE).error == 0
        assert not observer.exists(f"{root}/a")
        assert raw.is_closed()


@pytest.mark.parametrize("asked, granted", [(-1, 400), (1, 400), (400, 400), (1000, 1000), (2**31 - 1, 4000)])
def test_timeout_is_clamped(server, asked, granted):
    """A time-out lies between 2 and 20 ticks."""
    with Wire(server.port, timeout=asked) as raw:
        assert raw.timeout == granted


def test_greeting_mirrors_the_read_only_byte(server):
    """Clients before 3.4 send no byte for read-only mode and get none."""
    with Wire(server.port) as new, Wire(server.port, read_only=b"") as old:
        assert (len(new.greeting), len(old.greeting)) == (37, 36)
        assert old.ping().error == 0


def test_client_that_saw_more_is_turned_away(server):
    """A client that has seen a later state than this server's is sent elsewhere without an answer."""
    with Wire(server.port, timeout=None) as raw:
        raw.socket.sendall(wire.connect_request(zxid=2**62))
        assert raw.is_closed()


# Order and framing.


def test_pipelined_requests_are_answered_in_order(server, root):
    """Requests sent without waiting take effect and are answered in the order sent."""
    with Wire(server.port) as raw:
        sent = []
        for position in range(200):
            sent.append(raw.send(wire.SET, wire.text(root) + wire.buffer(b"%d" % position) + wire.number(position)))
            sent.append(raw.send(wire.GET, wire.text(root) + b"\0"))
        replies = [raw.receive() for _ in sent]
        assert [reply.xid for reply in replies] == sent
        assert {reply.error for reply in replies} == {0}
        assert [wire.read_data(reply.body) for reply in replies[1::2]] == [b"%d" % position for position in range(200)]
        zxids = [reply.zxid for reply in replies[0::2]]
        assert zxids == sorted(set(zxids))


def test_frames_in_pieces(server, root):
    """Frames may arrive byte by byte, or several at once."""
    with Wire(server.port, timeout=None) as raw:
        for byte in wire.connect_request():
            raw.socket.sendall(bytes([byte]))
        assert len(raw.read_frame()) == 37
        create = wire.request(1, wire.CREATE, wire.create(f"{root}/a"))
        two = create + wire.request(2, wire.EXISTS, wire.text(root) + b"\0")
        raw.socket.sendall(two[:50])
        raw.socket.sendall(two[50:])
        replies = [raw.receive(), raw.receive()]
        assert [(reply.xid, reply.error) for reply in replies] == [(1, 0), (2, 0)]


def test_unknown_operation(server):
    """An operation that does not exist is answered by UNIMPLEMENTED, then the connection ends."""
    with Wire(server.port) as raw:
        assert raw.call(4711).error == -6
        assert raw.is_closed()
