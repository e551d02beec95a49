"""Tornado: handlers that wait without a thread, content that streams in, and WebSocket."""

import asyncio
import hashlib
import sys
from urllib.parse import unquote

import common
from tornado import httpserver, netutil, web, websocket
from tornado.iostream import StreamClosedError

LIMIT = 64 << 20


@web.stream_request_body
class Echo(web.RequestHandler):
    """What the application knows of the request, whose content it sees in pieces."""

    def prepare(self):
        self.length, self.hasher = 0, hashlib.sha256()

    def data_received(self, chunk):
        self.length += len(chunk)
        self.hasher.update(chunk)

    def get(self, *_):
        request = self.request
        url = f"{request.protocol}://{request.host}{self.reverse_url('echo')}"
        self.write({"method": request.method, "path": unquote(request.path), "query": request.query, "script": "",
                    "length": self.length, "sha256": self.hasher.hexdigest(),
                    "fields": {name.lower(): ", ".join(request.headers.get_list(name)) for name in request.headers},
                    "url": url, "client": request.remote_ip})

    post = put = delete = get


class Page(web.RequestHandler):
    """A page made by a function, which may wait."""

    def initialize(self, make):
        self.make = make

    async def get(self):
        made = self.make(self)
        if made is not None:
            await made

    post = put = get

    def number(self, name):
        return int(self.get_argument(name))


async def chunks(page):
    for piece in common.pieces(page.number("n")):
        page.write(piece)
        await page.flush()


def cookies(page):
    for name, value in common.COOKIES:
        page.set_cookie(name, value, expires_days=30)


def early(page):
    page.set_status(413)
    page.write("too much")


async def wait(gate):
    while not common.is_open(gate):
        await asyncio.sleep(0.005)


async def events(page):
    page.set_header("Content-Type", "text/event-stream")
    page.write("data: first\n\n")
    await page.flush()
    await wait(page.get_argument("gate"))
    page.write("data: second\n\n")


async def endless(page):
    try:
        while True:
            page.write(common.pattern(common.PIECE))
            await page.flush()
    except StreamClosedError:
        common.note(page.get_argument("gate"))


async def slow(page):
    gate = page.get_argument("gate")
    common.note("began-" + gate)
    await wait(gate)
    page.write("done")


def gzipped(page):
    page.set_header("Content-Type", "text/plain")
    page.write(common.pattern(100_000))


class Part(web.StaticFileHandler):
    """A file."""


class Socket(websocket.WebSocketHandler):
    """Sends each message back."""

    async def on_message(self, message):
        await self.write_message(message, binary=isinstance(message, bytes))


def pages(made):
    for name, make in made.items():
        yield web.url(f"/{name}", Page, {"make": make})


def application():
    made = {
        "bytes": lambda page: page.write(common.pattern(page.number("n"))), "chunks": chunks, "cookies": cookies,
        "status": lambda page: page.set_status(page.number("code")), "early": early, "events": events, "endless": endless,
        "long": lambda page: page.set_header("X-Long", "v" * page.number("n")), "slow": slow, "gzip": gzipped,
        "redirect": lambda page: page.redirect(f"{page.request.protocol}://{page.request.host}/echo"),
        "relative": lambda page: page.redirect("/echo"),
    }
    return web.Application([web.url("/echo", Echo, name="echo"), web.url("/echo/(.*)", Echo), web.url("/ws", Socket),
                            web.url("/(part)", Part, {"path": common.FOLDER}), *pages(made)], compress_response=True)


async def main(where):
    server = httpserver.HTTPServer(application(), xheaders=True, max_buffer_size=LIMIT, max_body_size=LIMIT)
    if where.startswith("unix:"):
        server.add_socket(netutil.bind_unix_socket(where[5:]))
    else:
        host, port = where.split(":")
        server.listen(int(port), host)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
