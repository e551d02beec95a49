"""The cases: what a client does at a site with an application behind it, and what has to come of it.

Each function is a case, and gets a `Site`: where the application is, below which path, and the folder of its gates. Most of them
compare what the application says of a request with what was sent.
"""

import gzip
import hashlib
import json
import os
import socket
import threading
import time
from urllib.parse import unquote, urljoin

from apps import common
from client import LONG, Connection, WebSocket

LARGE = 10_000_000
# Lengths at which frames of WebSocket and buffers of servers end.
LENGTHS = (0, 1, 125, 126, 65_535, 65_536, 1_000_000)


class Site:
    """A server in front of an application."""

    def __init__(self, address, base, gates, peer):
        self.address, self.base, self.gates, self.peer = address, base, gates, peer
        self.number = 0

    def connect(self):
        return Connection(self.address)

    def target(self, rest):
        return self.base + rest

    def url(self, rest):
        host, port = self.address
        return f"http://{host}:{port}{self.base}{rest}"

    def gate(self):
        """A name that no other request has."""
        self.number += 1
        return f"{os.path.basename(self.gates)}-{self.base.strip('/')}-{self.number}-{time.monotonic_ns()}"

    def open(self, gate):
        with open(os.path.join(self.gates, gate), "wb"):
            pass

    def await_note(self, gate):
        """Waits for a note of the application."""
        until = time.monotonic() + LONG
        while not os.path.exists(os.path.join(self.gates, gate)):
            equal("a note of the application", time.monotonic() < until, True)
            time.sleep(0.005)


def equal(what, found, expected):
    """Fails with both values, shortened."""
    if found != expected:
        shown = [repr(value) if len(repr(value)) < 300 else repr(value)[:300] + "…" for value in (found, expected)]
        raise AssertionError(f"{what}: {shown[0]} instead of {shown[1]}")


def seen(response):
    """What the application says of the request."""
    equal("status", response.status, 200)
    return json.loads(response.content)


def sum_of(content):
    return hashlib.sha256(content).hexdigest()


def methods(site):
    with site.connect() as connection:
        for method, content in (("GET", None), ("POST", b"a"), ("PUT", b"a" * 1000), ("DELETE", None), ("POST", b"")):
            found = seen(connection.ask(method, site.target("echo?a=1"), content=content))
            equal(method, (found["method"], found["query"], found["length"]), (method, "a=1", len(content or b"")))
        equal("HEAD", connection.ask("HEAD", site.target("bytes?n=7")).content, b"")
        equal("behind HEAD", connection.ask("GET", site.target("bytes?n=7")).content, common.pattern(7))


def content_up(site):
    with site.connect() as connection:
        for length in (1, LARGE):
            content = common.pattern(length)
            found = seen(connection.ask("POST", site.target("echo"), content=content))
            equal("content", (found["length"], found["sha256"]), (length, sum_of(content)))


def chunks_up(site):
    content = common.pattern(LARGE)
    for size in (1 << 12, 1 << 20):
        pieces = [content[at : at + size] for at in range(0, len(content), size)]
        with site.connect() as connection:
            found = seen(connection.ask("PUT", site.target("echo"), pieces=pieces))
            equal("content", (found["length"], found["sha256"]), (LARGE, sum_of(content)))
            found = seen(connection.ask("POST", site.target("echo"), pieces=[b"a", b"bc"]))
            equal("short content", (found["length"], found["sha256"]), (3, sum_of(b"abc")))


def content_down(site):
    with site.connect() as connection:
        for kind in ("bytes", "chunks"):
            for length in (0, 1, LARGE):
                response = connection.ask("GET", site.target(f"{kind}?n={length}"))
                equal(f"{kind} {length}", (response.status, len(response.content)), (200, length))
                equal("content", response.content == common.pattern(length), True)


def expect(site):
    content = common.pattern(100_000)
    with site.connect() as connection:
        fields = [("Expect", "100-continue"), ("Content-Length", str(len(content)))]
        connection.send("POST", site.target("echo"), fields)
        equal("an interim response", connection.one_head().status, 100)
        connection.socket.sendall(content)
        found = seen(connection.read())
        equal("content", (found["length"], found["sha256"]), (len(content), sum_of(content)))
        found = seen(connection.ask("POST", site.target("echo"), [("Expect", "100-continue")], content))
        equal("content that does not wait", found["sha256"], sum_of(content))


def statuses(site):
    with site.connect() as connection:
        for status in (204, 304, 404, 503, 204):
            response = connection.ask("GET", site.target(f"status?code={status}"))
            equal("status", response.status, status)
            if status == 204:
                equal("length of a 204", response.field("content-length"), None)
        equal("behind them", connection.ask("GET", site.target("bytes?n=7")).content, common.pattern(7))


def part(site):
    with site.connect() as connection:
        whole = connection.ask("GET", site.target("part"))
        equal("whole", (whole.status, whole.content), (200, common.pattern(1000)))
        response = connection.ask("GET", site.target("part"), [("Range", "bytes=10-19")])
        equal("part", (response.status, response.content), (206, common.pattern(1000)[10:20]))
        equal("range", response.field("content-range"), "bytes 10-19/1000")
        response = connection.ask("GET", site.target("part"), [("If-None-Match", whole.field("etag"))])
        equal("unchanged", (response.status, response.content), (304, b""))
        equal("behind it", connection.ask("GET", site.target("bytes?n=7")).content, common.pattern(7))


def cookies(site):
    with site.connect() as connection:
        response = connection.ask("GET", site.target("cookies"), [("Cookie", "x=1; y=2")])
        values = [value.split(";")[0] for value in response.all("set-cookie")]
        equal("cookies", values, [f"{name}={value}" for name, value in common.COOKIES])
        found = seen(connection.ask("GET", site.target("echo"), [("Cookie", "x=1; y=2")]))
        equal("the request's", found["fields"]["cookie"], "x=1; y=2")


def follow(site, name):
    with site.connect() as connection:
        response = connection.ask("GET", site.target(name))
        equal("status", response.status, 302)
        location = response.field("location")
        equal("where it leads", urljoin(site.url(name), location), site.url("echo"))
        seen(connection.ask("GET", site.target("echo")))


def redirect(site):
    follow(site, "redirect")


def relative(site):
    follow(site, "relative")


def url(site):
    with site.connect() as connection:
        spoofed = [("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-Host", "evil"), ("X-Forwarded-Proto", "gopher"), ("X_Key", "evil"),
                   ("X-Forwarded-Prefix", "/evil"), ("Proxy", "evil"), ("Connection", "X-Hop, Keep-Alive"), ("X-Hop", "evil")]
        found = seen(connection.ask("GET", site.target("echo"), spoofed))
        expected = site.url("echo") if found["url"].endswith("/echo") else site.url("").rstrip("/")
        equal("the URL that the application finds", found["url"].rstrip("/"), expected)
        equal("the client that it finds", found["client"], "127.0.0.1")
        evil = {name: value for name, value in found["fields"].items() if "evil" in value or "6.6.6.6" in value}
        equal("what the client made up", evil, {})


def early(site):
    for content, pieces in ((common.pattern(LARGE), None), (None, [common.pattern(1 << 16)] * 150)):
        with site.connect() as connection:
            try:
                connection.send("POST", site.target("early"), content=content, pieces=pieces)
            except OSError:
                # The server may close the connection before all is sent; its response is there.
                pass
            equal("status", connection.read("POST").status, 413)


def kept(site):
    with site.connect() as connection:
        for number in range(100):
            equal("query", seen(connection.ask("GET", site.target(f"echo?n={number}")))["query"], f"n={number}")


def pipelined(site):
    with site.connect() as connection:
        request = "".join(f"GET {site.target(f'bytes?n={number}')} HTTP/1.1\r\nHost: localhost\r\n\r\n" for number in range(20))
        connection.socket.sendall(request.encode())
        for number in range(20):
            equal("content", connection.read().content, common.pattern(number))


def old(site):
    for kind in ("bytes", "chunks"):
        with site.connect() as connection:
            connection.socket.sendall(f"GET {site.target(f'{kind}?n=100000')} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
            response = connection.read()
            equal("coding for HTTP/1.0", response.field("transfer-encoding"), None)
            equal("content", response.content == common.pattern(100_000), True)
            equal("the end of the connection", connection.is_closed(), True)


def events(site):
    gate = site.gate()
    with site.connect() as connection:
        connection.send("GET", site.target(f"events?gate={gate}"))
        response = connection.read_head()
        equal("type", response.field("content-type").split(";")[0], "text/event-stream")
        content, received = connection.content(response, "GET"), b""
        while b"first\n\n" not in received:
            received += next(content)
        # The first came although the second does not exist yet.
        equal("events", received, b"data: first\n\n")
        site.open(gate)
        equal("events", received + b"".join(content), b"data: first\n\ndata: second\n\n")


def websocket(site):
    web = WebSocket(site.address, site.target("ws"))
    for kind, byte in ((1, b"t"), (2, b"\xff")):
        for length in LENGTHS:
            web.send(kind, byte * length)
            equal("message", web.read() == (kind, byte * length), True)
    web.send(9, b"ping")
    equal("pong", web.read(), (10, b"ping"))
    # Messages behind each other, and the end right behind them.
    for number in range(100):
        web.send(1, b"%d" % number)
    web.send(8, b"\x03\xe8")
    for number in range(100):
        equal("message", web.read(), (1, b"%d" % number))
    equal("close", web.read()[0], 8)
    equal("the end", web.connection.is_closed(), True)
    web.connection.close()


def long_fields(site):
    with site.connect() as connection:
        found = seen(connection.ask("GET", site.target("echo?q=" + "q" * 3000), [("X-Long", "v" * 7000)]))
        equal("request", (len(found["query"]), found["fields"]["x-long"]), (3002, "v" * 7000))
        equal("response", connection.ask("GET", site.target("long?n=7000")).field("x-long"), "v" * 7000)


def coded(site):
    with site.connect() as connection:
        for accepted in ("gzip", None):
            response = connection.ask("GET", site.target("gzip"), [("Accept-Encoding", accepted)] if accepted else [])
            equal("coding", response.field("content-encoding"), accepted)
            content = gzip.decompress(response.content) if accepted else response.content
            equal("content", content == common.pattern(100_000), True)


def paths(site):
    with site.connect() as connection:
        for path in ("a", "a%20b", "a+b", "a%25b", "a%2525b", "a%252Fb", "%C3%A9", "a%3Fb", "a%23b", "a&b=c", "!$'()*,:@~-._", "a%22b",
                     "%E2%82%AC/x", "a%2Fb"):
            found = seen(connection.ask("GET", site.target(f"echo/{path}")))
            # An encoded slash separates no segments. In variables, which are decoded, it stays
            # encoded.
            expected = unquote(path if site.peer.flag == "--proxy" else path.replace("%2F", "%252F"))
            equal(f"path {path}", found["path"], f"/echo/{expected}")
        for query in ("", "a", "a=%20+&b=%26", "a=%C3%A9", "a=/../b", "a?b=?", "-s"):
            found = seen(connection.ask("GET", site.target(f"echo?{query}")))
            equal(f"query {query}", found["query"], query)


def left(site):
    gate = site.gate()
    with site.connect() as connection:
        connection.send("GET", site.target(f"endless?gate={gate}"))
        content, length = connection.content(connection.read_head(), "GET"), 0
        while length < 200_000:
            length += len(next(content))
    site.await_note(gate)
    # A client that leaves before the response, and one within its content.
    gate = site.gate()
    with site.connect() as connection:
        connection.send("GET", site.target(f"slow?gate={gate}"))
        site.await_note("began-" + gate)
    site.open(gate)
    with site.connect() as connection:
        connection.send("POST", site.target("echo"), [("Content-Length", "100000")])
        connection.socket.sendall(b"x" * 50_000)
        connection.socket.shutdown(socket.SHUT_RDWR)
    with site.connect() as connection:
        seen(connection.ask("GET", site.target("echo")))


def many(site):
    """Clients at the same time, each with content of its own in both directions."""
    failures = []

    def client(number):
        try:
            with site.connect() as connection:
                for turn in range(10):
                    content = common.pattern(1000 * number + turn)
                    found = seen(connection.ask("POST", site.target("echo"), content=content))
                    equal("content", found["sha256"], sum_of(content))
                    length = 10_000 * number + turn
                    equal("content", connection.ask("GET", site.target(f"chunks?n={length}")).content, common.pattern(length))
        except Exception as error:  # noqa: BLE001: whatever a thread fails with is the case's failure
            failures.append(error)

    threads = [threading.Thread(target=client, args=[number]) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def hints(site):
    with site.connect() as connection:
        response = connection.ask("GET", site.target("hints"))
        equal("interim responses", (response.interim, response.content), ([103], b"done"))


def trailer(site):
    with site.connect() as connection:
        response = connection.ask("GET", site.target("trailer"))
        equal("content", (response.content, response.field("x-sum")), (b"content", None))
        equal("behind it", connection.ask("GET", site.target("bytes?n=7")).content, common.pattern(7))


ALL = [methods, content_up, chunks_up, content_down, expect, statuses, part, cookies, redirect, relative, url, early, kept, pipelined,
       old, events, websocket, long_fields, coded, paths, left, many, hints, trailer]
