"""Servers that restart while they are used: no request that may be sent twice is lost."""

import threading
import time

from cases import Connection, equal
from client import LONG

CLIENTS = 6


class Load:
    """Clients that ask without a pause, each on a connection that it keeps."""

    def __init__(self, address):
        self.address, self.failures, self.served, self.is_over = address, [], 0, False
        self.threads = [threading.Thread(target=self.client) for _ in range(CLIENTS)]

    def client(self):
        try:
            with Connection(self.address) as connection:
                while not self.is_over:
                    response = connection.ask("GET", "/echo?load")
                    equal("status", response.status, 200)
                    self.served += 1
        except Exception as error:  # noqa: BLE001: whatever a thread fails with is the case's failure
            self.failures.append(error)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        for thread in self.threads:
            thread.join()

    def serve_more(self, count):
        """Waits until more requests have been served, or one has failed."""
        until, goal = time.monotonic() + LONG, self.served + count
        while self.served < goal and not self.failures and time.monotonic() < until:
            time.sleep(0.01)


def restart(address, servers):
    """`servers` are functions that stop and start a server, of which another one takes the requests meanwhile."""
    with Load(address) as load:
        for stop, start in servers:
            load.serve_more(50)
            stop()
            load.serve_more(50)
            start()
            load.serve_more(50)
    if load.failures:
        raise AssertionError(f"{len(load.failures)} of {CLIENTS} clients lost a request after {load.served}: {load.failures[0]}")
