"""What the applications in Python share: the bytes of their content, and gates by which a test says when they go on."""

import hashlib
import os
import time

FOLDER = os.environ.get("GATES", ".")
# Seconds that a request waits for its gate at most.
LONG = 60
# Bytes of a piece, so that long content comes in many writes.
PIECE = 50_000
COOKIES = [("a", "1"), ("b", "2"), ("c", "3")]


def pattern(length):
    """Bytes that repeat with a period that is no power of two."""
    period = bytes(range(251))
    return (period * (length // 251 + 1))[:length]


def pieces(length):
    """The same bytes in pieces."""
    content = pattern(length)
    for start in range(0, length, PIECE):
        yield content[start : start + PIECE]


def digest(stream):
    """Reads content to its end: its length, and its SHA-256."""
    length, hasher = 0, hashlib.sha256()
    while piece := stream.read(1 << 16):
        length += len(piece)
        hasher.update(piece)
    return length, hasher.hexdigest()


def is_open(gate):
    """Whether a test has opened a gate."""
    return os.path.exists(os.path.join(FOLDER, gate))


def wait(gate):
    """Waits until a test opens a gate."""
    until = time.monotonic() + LONG
    while not is_open(gate) and time.monotonic() < until:
        time.sleep(0.005)


def note(gate):
    """Tells a test that something has happened."""
    with open(os.path.join(FOLDER, gate), "wb"):
        pass


def events(gate):
    """Events, the second of which waits for its gate."""
    yield b"data: first\n\n"
    wait(gate)
    yield b"data: second\n\n"


def endless(gate):
    """Content that lasts until the client has left, which is noted."""
    try:
        while True:
            yield pattern(PIECE)
    finally:
        note(gate)
