#!/usr/bin/env python3
"""`make floods`: what ordinary clients notice while others do their worst, as a Markdown table.

    make floods                               everything, about four minutes
    make floods ONLY="heads resets" SECONDS=5 some of it, for longer
    make floods ONLY=listings ROUNDS=5        medians of five rounds
    make floods ONLY=chunks PEER=nginx        what nginx makes of it

Ordinary clients ask for 1 KiB, a hundred times a second over each of four kept connections, and every tenth time over a new
one. Their latencies are measured before a flood begins and while it goes on; what counts is the ratio of the two, since
machines and moments differ. The server runs with its defaults. Floods come from processes of the lowest priority, as they
would come from other machines, but share the server's cores all the same.

Where a flood keeps the cores busy, as those do that are marked with a star, "quiet" is among other programs that do the same
and have nothing to do with the server. The first row tells what these alone do to a p99.

Memory is the server's proportional set size (PSS) during the flood; what the kernel keeps for sockets is told beside it, for
both sides of all connections on this machine.
"""

import base64
import gc
import http.client
import multiprocessing
import os
import pathlib
import random
import select
import socket
import statistics
import struct
import sys
import tempfile
import threading
import time
from contextlib import contextmanager

from programs import Server, all_descriptors, ask, connect, end_on_signals, machine
from tables import heading, print_row, progress, seconds, size

SECONDS = float(os.environ.get("SECONDS") or 4)
ROUNDS = int(os.environ.get("ROUNDS") or 1)
PEER = os.environ.get("PEER") or "tinyhttp"
ONLY = os.environ.get("ONLY", "").replace(",", " ").split()
#: Connections of a crowd, if this process and the server may have as many descriptors.
CROWD = 5000
#: As long as setting a flood up may take.
SETTING_UP = 60
PAGES = 4000
#: Of the directory that is listed and archived.
ENTRIES = 5000
#: Files for slow readers of one each.
FILES = 5000
#: The only user, whose password is "secret".
USER = "ann:$6$tinyhttp$0TIaIs2OA8v1pmVOfqppg67Xt3zW.qqsZirEdowIvUYqDLXAIoStBFEtUwoPBjl86E9KwTpPc6j0pQJLPHmP6."
LOGIN = b"Authorization: Basic " + base64.b64encode(b"ann:secret") + b"\r\n"
#: As many as a server takes that is small on purpose.
CONNECTIONS = 200
RESET = struct.pack("ii", 1, 0)
GOAL = 3


def main():
    end_on_signals()
    descriptors = all_descriptors()
    crowd = min(CROWD, descriptors - 500)
    if unknown := set(ONLY) - set(FLOODS):
        sys.exit(f"ONLY takes some of: {' '.join(FLOODS)}; not {' '.join(unknown)}")
    rounds = f", medians of {ROUNDS} rounds" if ROUNDS > 1 else ""
    print(f"{PEER}, {SECONDS:.0f} s each{rounds}, on {machine()}.", flush=True)
    if crowd < CROWD:
        print(f"\nOnly {descriptors:,} descriptors are allowed here (ulimit -n): a crowd has {crowd:,} connections.")
    heading("What ordinary clients notice of a flood")
    print_row(["flood", "quiet p50", "quiet p99", "flooded p50", "flooded p99", "p50 ratio", "p99 ratio", "failed",
               "server's cores", "memory", "kernel"])
    print_row(["---", *["---:"] * 10])
    with tempfile.TemporaryDirectory(prefix="tinyhttp-floods-") as folder:
        site = pathlib.Path(folder) / "site"
        make_site(site)
        beyond = [title for key, (title, flood) in FLOODS.items()
                  if key in (ONLY or FLOODS) and suits(flood) and row(title, flood, site, crowd) > GOAL]
    print(f"\np99 beyond {GOAL} times the quiet one: {', '.join(beyond) or 'none'}.")


def make_site(site):
    dice = random.Random(1)
    site.mkdir()
    (site / "1k.bin").write_bytes(dice.randbytes(1024))
    (site / "1m.bin").write_bytes(dice.randbytes(1024 * 1024))
    (site / "100m.bin").write_bytes(dice.randbytes(1024 * 1024) * 100)
    (site / "many").mkdir()
    (site / "many" / "0").write_bytes(b"x")
    for number in range(1, ENTRIES):
        os.link(site / "many" / "0", site / "many" / str(number))
    # Files without blocks: reading them costs no disk, and summing them as much as any others.
    (site / "large").mkdir()
    for number in range(16):
        with open(site / "large" / str(number), "wb") as file:
            file.truncate(4 << 30)
    (site / "files").mkdir()
    for number in range(FILES):
        with open(site / "files" / str(number), "wb") as file:
            file.truncate(16 << 20)
    (site / "pages").mkdir()
    words = [dice.randbytes(3).hex() for _ in range(1000)]
    for number in range(PAGES):
        (site / "pages" / f"{number}.html").write_text(" ".join(dice.choices(words, k=3000)))


def suits(flood):
    """Whether a peer can be flooded like that: flags and queries are tinyhttp's own."""
    return PEER == "tinyhttp" or flood not in (*FLAGS, archive_heads, many_archives, zip_tails)


def row(title, flood, site, crowd):
    """A row of the table: the p99 ratio."""
    progress(f"  {title}")
    rounds = [measure(title, flood, site, crowd) for _ in range(ROUNDS)]
    progress("")
    figures = [statistics.median(column) for column in zip(*rounds)]
    times, (failed, cores, memory, kernel) = figures[:4], figures[4:]
    ratios = [times[2] / times[0], times[3] / times[1]]
    print_row([title + (" \\*" if flood in BUSY else ""), *map(seconds, times), *(f"{ratio:.2f}" for ratio in ratios),
               f"{failed:.0f}", f"{cores:.2f}", size(memory), size(kernel)])
    sys.stdout.flush()
    return ratios[1]


def measure(title, flood, site, crowd):
    """One round: p50 and p99 quiet and flooded, failed requests, cores, memory, and what the kernel keeps for sockets."""
    flags, fields = FLAGS.get(flood, ((), b""))
    with Server(PEER, site, flags, fields) as server:
        # What has just been started is slow at first.
        ordinary(server.port, SECONDS / 4, fields)
        if flood in BUSY:
            with flooding(other_programs, server.port, crowd):
                quiet, _ = ordinary(server.port, SECONDS, fields)
        else:
            quiet, _ = ordinary(server.port, SECONDS, fields)
        with flooding(flood, server.port, crowd) as process:
            before, since = server.cpu(), time.monotonic()
            flooded, failed = ordinary(server.port, SECONDS, fields)
            # Where answers are late, that takes longer than SECONDS.
            cores = (server.cpu() - before) / (time.monotonic() - since)
            memory, kernel = server.memory(), kernel_memory()
            if not process.is_alive():
                raise SystemExit(f"the flood ended early: {title}")
    times = [percentile(times, share) for times in (quiet, flooded) for share in (50, 99)]
    return [*times, failed, cores, memory, kernel]


@contextmanager
def flooding(flood, port, crowd):
    """A flood that has been set up, in a process of its own, which is killed in the end."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=run, args=(flood, port, crowd, theirs), daemon=True)
    process.start()
    try:
        if not ours.poll(SETTING_UP) or ours.recv() != "ready":
            raise SystemExit(f"a flood could not be set up: {flood.__name__}")
        yield process
    finally:
        process.kill()
        process.join()


def percentile(times, share):
    return statistics.quantiles(times, n=100, method="inclusive")[share - 1]


def kernel_memory():
    """Bytes that all TCP sockets on this machine use."""
    line = next(line for line in open("/proc/net/sockstat") if line.startswith("TCP:"))
    return int(line.split()[-1]) * os.sysconf("SC_PAGESIZE")


def ordinary(port, duration, fields=b""):
    """How long each request of ordinary clients took, and how many failed."""
    gc.disable()
    kept = [connect(port) for _ in range(4)]
    times, failed = [], 0
    pause = 0.01 / len(kept)
    due = time.perf_counter()
    end = due + duration
    number = 0
    while due < end:
        due += pause
        if (early := due - time.perf_counter()) > 0:
            time.sleep(early)
        number += 1
        since = time.perf_counter()
        try:
            if number % 10 == 0:
                with connect(port) as fresh:
                    ask(fresh, fields)
            else:
                ask_again(kept, number % len(kept), port, fields)
        except OSError:
            failed += 1
        times.append(time.perf_counter() - since)
    for connection in kept:
        connection.close()
    gc.enable()
    return times, failed


def ask_again(kept, place, port, fields):
    """A request on a kept connection, retried on a new one if that is closed, as every client does (RFC 9112 §9.3.1)."""
    try:
        ask(kept[place], fields)
    except OSError:
        kept[place] = connect(port)
        ask(kept[place], fields)


def run(flood, port, crowd, ready):
    """In a process of its own: floods until it is killed, of the lowest priority once it is set up."""
    def is_ready():
        os.nice(19)
        ready.send("ready")

    end = time.monotonic() + SETTING_UP + 10 * SECONDS
    for _ in flood(port, crowd, is_ready):
        if time.monotonic() > end:
            return


def open_one(port, window=None, source=""):
    """A connection that does not block."""
    connection = socket.socket()
    if window:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_WINDOW_CLAMP, window)
    connection.settimeout(10)
    if source:
        connection.bind((source, 0))
    connection.connect(("127.0.0.1", port))
    connection.setblocking(False)
    return connection


def requesting(port, request, **options):
    """A connection over which bytes have been sent."""
    connection = open_one(port, **options)
    try_to(connection.send, request)
    return connection


def try_to(act, *arguments):
    """Whether the connection is still of use."""
    try:
        return act(*arguments) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def in_turn(ready, count, begin, rate, act):
    """Lets each of a crowd act in turn, `rate` times a second in all, and replaces those that are of no use."""
    crowd = [begin() for _ in range(count)]
    ready()
    due = time.monotonic()
    while True:
        for number, connection in enumerate(crowd):
            if not act(connection):
                connection.close()
                crowd[number] = begin()
            due += 1 / rate
            if number % 16 == 0:
                if (early := due - time.monotonic()) > 0:
                    time.sleep(early)
                yield


def slow_heads(port, crowd, ready):
    def begin():
        return requesting(port, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ")

    yield from in_turn(ready, crowd, begin, 2500, lambda one: try_to(one.send, b"x") and try_to(one.recv, 4096))


def reading_slowly(port, crowd, ready, path):
    def begin():
        return requesting(port, f"GET {path()} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    yield from in_turn(ready, crowd, begin, 2500, lambda one: try_to(one.recv, 100))


def slow_readers(port, crowd, ready):
    yield from reading_slowly(port, crowd, ready, lambda: "/100m.bin")


def readers_of_many(port, crowd, ready):
    numbers = iter(range(10**9))
    yield from reading_slowly(port, crowd, ready, lambda: f"/files/{next(numbers) % FILES}")


def idle(port, crowd, ready):
    def begin():
        connection = connect(port)
        ask(connection)
        connection.setblocking(False)
        return connection

    yield from in_turn(ready, crowd, begin, 1000, lambda one: try_to(one.recv, 4096))


def resets(port, _, ready):
    ready()
    due = time.monotonic()
    while True:
        due += 0.001
        if (early := due - time.monotonic()) > 0:
            time.sleep(early)
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        yield


def pipelining(port, _, ready):
    requests = b"GET /1k.bin HTTP/1.1\r\nHost: localhost\r\n\r\n" * 10_000
    connection = open_one(port)
    poll = select.poll()
    poll.register(connection, select.POLLIN | select.POLLOUT)
    left = b""
    ready()
    while True:
        left = left or requests
        for _, event in poll.poll(1000):
            if event & select.POLLIN:
                connection.recv(1 << 20)
            if event & select.POLLOUT:
                left = left[connection.send(left):]
        yield


def small_windows(port, crowd, ready):
    def begin():
        return requesting(port, b"GET /1m.bin HTTP/1.1\r\nHost: localhost\r\n\r\n", window=100)

    yield from in_turn(ready, crowd // 5, begin, 5000, lambda one: try_to(one.recv, 4096))


def endless_content(port, crowd, ready):
    def begin():
        return requesting(port, b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")

    yield from in_turn(ready, crowd // 5, begin, 2500, lambda one: try_to(one.send, b"10\r\n0123456789abcdef\r\n"))


def dripping_posts(port, _, ready):
    """They have their response, an error, and keep sending what is not wanted: 600 bytes a second each."""
    def begin():
        return requesting(port, b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n")

    yield from in_turn(ready, CONNECTIONS, begin, 10 * CONNECTIONS, lambda one: try_to(one.send, bytes(60)))


def one_byte_chunks(port, _, ready):
    """150 kB of content in chunks of a byte, again and again over each of 16 connections."""
    request = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 25_000
    request += b"0\r\n\r\n"
    poll = select.poll()
    crowd, left = {}, {}

    def begin():
        connection = open_one(port)
        poll.register(connection, select.POLLIN | select.POLLOUT)
        crowd[connection.fileno()] = connection
        left[connection.fileno()] = b""

    def act(number, event):
        if event & ~select.POLLOUT and not try_to(crowd[number].recv, 65536):
            return False
        if event & select.POLLOUT:
            left[number] = left[number] or request
            try:
                left[number] = left[number][crowd[number].send(left[number]):]
            except BlockingIOError:
                pass
            except OSError:
                return False
        return True

    for _ in range(16):
        begin()
    ready()
    while True:
        for number, event in poll.poll(1000):
            if not act(number, event):
                poll.unregister(number)
                left.pop(number)
                crowd.pop(number).close()
                begin()
        yield


def asking(port, ready, path, fields):
    """Four connections that ask again as soon as they have an answer, whatever that is."""
    def go_on():
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            try:
                while True:
                    connection.request("GET", path(), headers=fields)
                    connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                connection.close()

    ready()
    for _ in range(4):
        threading.Thread(target=go_on, daemon=True).start()
    while True:
        time.sleep(1)
        yield


def tiny_ranges(port, _, ready):
    ranges = ",".join(f"{at}-{at}" for at in range(0, 2000, 2))
    yield from asking(port, ready, lambda: "/1m.bin", {"Range": f"bytes={ranges}"})


def gzip_misses(port, _, ready):
    numbers = iter(range(10**9))
    yield from asking(port, ready, lambda: f"/pages/{next(numbers) % PAGES}.html", {"Accept-Encoding": "gzip"})


def asking_crowd(ready, count, begin, patience=None):
    """Connections that ask again as soon as they have a response, and leave after `patience` seconds without its end."""
    poll = select.epoll()
    crowd, since = {}, {}

    def add():
        connection = begin()
        poll.register(connection, select.EPOLLIN)
        crowd[connection.fileno()] = connection
        since[connection.fileno()] = time.monotonic()

    def replace(number):
        since.pop(number)
        crowd.pop(number).close()
        add()

    for _ in range(count):
        add()
    ready()
    while True:
        for number, _ in poll.poll(0.1):
            if not try_to(crowd[number].recv, 1 << 20):
                replace(number)
        if patience:
            for number in [number for number, begun in since.items() if time.monotonic() - begun > patience]:
                replace(number)
        yield


def guessed_passwords(port, _, ready):
    """From other addresses than the ordinary clients', of which each is a network of its own to the server."""
    numbers = iter(range(10**9))

    def begin():
        number = next(numbers)
        name = "ann" if number % 2 else f"user{number}"
        guess = base64.b64encode(f"{name}:guess{number}".encode()).decode()
        request = f"GET /1k.bin HTTP/1.0\r\nAuthorization: Basic {guess}\r\n\r\n"
        return requesting(port, request.encode(), source=f"127.0.{1 + number % 40}.1")

    yield from asking_crowd(ready, 40, begin)


def many_listings(port, _, ready):
    yield from asking_crowd(ready, 64, lambda: requesting(port, b"GET /many/ HTTP/1.0\r\n\r\n"))


def archive_heads(port, _, ready):
    yield from asking_crowd(ready, 64, lambda: requesting(port, b"HEAD /many/?download=zip HTTP/1.0\r\n\r\n"))


def many_archives(port, _, ready):
    yield from asking_crowd(ready, 64, lambda: requesting(port, b"GET /many/?download=zip HTTP/1.0\r\n\r\n"))


def zip_tails(port, _, ready):
    request = b"GET /large/?download=zip HTTP/1.1\r\nHost: localhost\r\nRange: bytes=-300\r\n\r\n"
    yield from asking_crowd(ready, 270, lambda: requesting(port, request), patience=3)


def other_programs(port, _, ready):
    """Other programs on every core, and none of them has to do with the server: what that does to a p99 is no server's doing."""
    ready()
    parent = os.getpid()
    for _ in range(os.cpu_count() - 1):
        if os.fork() == 0:
            while os.getppid() == parent:
                pass
            os._exit(0)
    while True:
        yield


FLOODS = {
    "nothing": ("none, but other programs keep every core busy", other_programs),
    "heads": ("5,000 heads, a byte every 2 s", slow_heads),
    "readers": ("5,000 readers of one file of 100 MiB, 50 B/s", slow_readers),
    "files": ("5,000 readers of a file each, 50 B/s", readers_of_many),
    "idle": ("5,000 idle connections", idle),
    "resets": ("1,000 connections/s, reset at once", resets),
    "pipelining": ("10,000 pipelined requests at a time", pipelining),
    "windows": ("1,000 readers with the smallest window", small_windows),
    "content": ("1,000 chunked requests without an end", endless_content),
    "chunks": ("content in chunks of a byte, 16 at a time", one_byte_chunks),
    "posts": ("200 POSTs that drip unwanted content, of 200 connections at most", dripping_posts),
    "guesses": ("guessed passwords, 40 at a time", guessed_passwords),
    "ranges": ("1,000 ranges of a byte, 4 at a time", tiny_ranges),
    "gzip": ("compressing what is not cached, 4 at a time", gzip_misses),
    "listings": ("a listing of 5,000 entries, 64 at a time", many_listings),
    "archive-heads": ("heads of archives of 5,000 files, 64 at a time", archive_heads),
    "archives": ("archives of 5,000 files, 64 at a time", many_archives),
    "tails": ("the last 300 bytes of a zip of 64 GiB, 270 at a time, given up after 3 s", zip_tails),
}

#: They ask as fast as they are answered, and so keep the cores busy.
BUSY = (pipelining, one_byte_chunks, guessed_passwords, tiny_ranges, gzip_misses, many_listings, archive_heads, many_archives, zip_tails)

#: What the server is started with for a flood, and what ordinary clients have to send.
FLAGS = {
    dripping_posts: (("--max-connections", str(CONNECTIONS)), b""),
    guessed_passwords: (("--auth", USER), LOGIN),
}

if __name__ == "__main__":
    main()
