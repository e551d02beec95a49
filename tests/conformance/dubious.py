#!/usr/bin/env python3
"""Fetches the responses of DubiousHTTP, a server of invalid and uncommon ones, with `tinyhttp get`.

    python3 tests/conformance/dubious.py CHECKOUT

It needs perl. Each response carries the same text, in another way. What counts is a fetch that succeeds with other bytes: those
that are meant to are in dubious-differs, a path and the reason on each line. Any other is named, and is exit code 1.
"""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import processes

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = os.environ.get("TINYHTTP", ROOT / "target/release/tinyhttp")
DIFFERS = Path(__file__).resolve().parent / "dubious-differs"
GROUPS = "range mime messagerfc822 compressed clen chunked broken".split()
TEXT = b"Don't be afraid to look at this message. It is completely harmless. Really!"


def read(url):
    with urllib.request.urlopen(url, timeout=10) as response:
        return response.read().decode("latin-1")


def start(checkout):
    """The server, and its address, once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    line = ["perl", "-Ilib", "bin/dubious_http.pl", "-M", "server", "--no-garble-url", address]
    server = processes.spawn(line, cwd=checkout, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(100):
        try:
            read(f"http://{address}/")
            return server, f"http://{address}"
        except OSError:
            time.sleep(0.1)
    processes.kill(server)
    sys.exit("the server does not start")


def fetch(base, path):
    line = [PROGRAM, "get", "-s", "-g", "--compressed", "-m", "20", base + path.replace("\\", "%5C")]
    done = subprocess.run(line, capture_output=True)
    return path, done.returncode, done.stdout


def main(checkout):
    server, base = start(checkout)
    try:
        links = [link for group in GROUPS for link in re.findall(r"href=([^ >]*eicar\.txt[^ >]*)", read(f"{base}/{group}"))]
        paths = [link.replace("eicar.txt", "novirus.txt") for link in dict.fromkeys(links)]
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            results = list(threads.map(lambda path: fetch(base, path), paths))
    finally:
        processes.kill(server)
    lines = DIFFERS.read_text().splitlines()
    known = {line.split()[0] for line in lines if line and not line.startswith("#")}
    others = [path for path, code, content in results if code == 0 and content != TEXT]
    same = sum(code == 0 and content == TEXT for _, code, content in results)
    unexplained = [path for path in others if path not in known]
    print(f"{len(results)} responses: {same} read, {len(results) - same - len(others)} refused, "
          f"{len(others) - len(unexplained)} other bytes on purpose (dubious-differs), {len(unexplained)} unexplained")
    for path in unexplained:
        print(f"unexplained: {path}")
    return 1 if unexplained or not results else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    processes.end_on_signals()
    sys.exit(main(sys.argv[1]))
