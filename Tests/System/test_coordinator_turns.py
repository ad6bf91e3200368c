"""Nobody waits for what another client does, or does not do."""

import re
import threading

import wire
from harness import Coordinator, four_letter_word, wait_for
from wire import Wire


def keep_busy(busy, is_over):
    """Has hundreds of requests on their way all the time: some of them writes, some set a watch."""
    requests = wire.request(1, wire.GET, wire.text("/news") + b"\1")
    requests += wire.request(2, wire.SET, wire.text("/work") + wire.buffer(b"x") + wire.number(-1))
    on_their_way = 0
    while not is_over.is_set():
        while on_their_way < 400:
            busy.socket.sendall(requests * 20)
            on_their_way += 40
        if not isinstance(busy.receive(), wire.Event):
            on_their_way -= 1


def test_busy_watcher_holds_up_no_other(testbed):
    """A watcher that always waits for an answer as well does not keep those who only watch from their events."""
    server = testbed.start(Coordinator)
    is_over = threading.Event()
    with Wire(server.port) as busy, Wire(server.port) as watcher, Wire(server.port) as writer:
        writer.create("/news")
        writer.create("/work")
        work = threading.Thread(target=keep_busy, args=(busy, is_over))
        work.start()
        try:
            watcher.socket.settimeout(5)
            for number in range(30):
                assert watcher.get("/news", watch=True).error == 0
                writer.set("/news", b"%d" % number)
                event = watcher.events.pop() if watcher.events else watcher.receive()
                assert event == wire.Event(wire.CHANGED, "/news")
        finally:
            is_over.set()
            work.join()


def test_unread_connection_ends_with_its_session(testbed):
    """A client that reads nothing does not keep its connection when its session has gone to another one."""
    server = testbed.start(Coordinator)
    connections = lambda: int(re.search(r"Connections: (\d+)", four_letter_word(server.port, "srvr"))[1])
    with Wire(server.port) as greedy:
        greedy.create("/large", bytes(1_000_000))
        greedy.socket.sendall(wire.request(7, wire.GET, wire.text("/large") + b"\0") * 100)
        with Wire(server.port, session=greedy.session, password=greedy.password) as other:
            assert other.session == greedy.session
            # The one that asks counts as well.
            wait_for(lambda: other.ping().error == 0 and connections() == 2, 15, "the old connection is closed")
