"""An application in WSGI alone: what gunicorn, waitress, uWSGI and CGI run."""

import gzip
import json
import signal
import sys
from http import HTTPStatus
from urllib.parse import parse_qs
from wsgiref.util import application_uri

import common


def respond(start, status, fields, content):
    """Begins a response, and returns its content: bytes, whose length is given, or pieces of unknown length."""
    if isinstance(content, bytes) and status not in (204, 304):
        fields = [*fields, ("Content-Length", str(len(content)))]
    start(f"{status} {HTTPStatus(status).phrase}", fields)
    return [content] if isinstance(content, bytes) else content


def echo(environ, _query):
    """What the application knows of the request."""
    length, digest = common.digest(Content(environ))
    fields = {name[5:].lower().replace("_", "-"): value for name, value in environ.items() if name.startswith("HTTP_")}
    # WSGI has the path decoded, as Latin-1.
    path = environ.get("PATH_INFO", "").encode("latin-1").decode("utf-8", "replace")
    seen = {"method": environ["REQUEST_METHOD"], "path": path, "query": environ.get("QUERY_STRING", ""),
            "script": environ.get("SCRIPT_NAME", ""), "length": length, "sha256": digest, "fields": fields,
            "url": application_uri(environ), "client": environ.get("REMOTE_ADDR", "")}
    return 200, [("Content-Type", "application/json")], json.dumps(seen).encode()


class Content:
    """The request's content, which ends at its length where the server does not end it."""

    def __init__(self, environ):
        self.stream = environ["wsgi.input"]
        self.rest = int(environ.get("CONTENT_LENGTH") or 0)
        if environ.get("wsgi.input_terminated"):
            self.rest = 1 << 62

    def read(self, size):
        piece = self.stream.read(min(size, self.rest)) if self.rest else b""
        self.rest -= len(piece)
        return piece


def gzipped(environ, _query):
    """Content in the coding that the client accepts."""
    content, fields = common.pattern(100_000), [("Vary", "Accept-Encoding"), ("Content-Type", "text/plain")]
    if "gzip" in environ.get("HTTP_ACCEPT_ENCODING", ""):
        return 200, [*fields, ("Content-Encoding", "gzip")], gzip.compress(content)
    return 200, fields, content


def redirect(environ, _query):
    """A redirect with a whole URL, as most frameworks made them."""
    return 302, [("Location", application_uri(environ).rstrip("/") + "/echo")], b""


def part(environ, _query):
    """Bytes 10 to 19, or that they have not changed."""
    if environ.get("HTTP_IF_NONE_MATCH") == '"v1"':
        return 304, [("ETag", '"v1"')], b""
    if environ.get("HTTP_RANGE") == "bytes=10-19":
        return 206, [("Content-Range", "bytes 10-19/1000"), ("ETag", '"v1"')], common.pattern(1000)[10:20]
    return 200, [("ETag", '"v1"'), ("Accept-Ranges", "bytes")], common.pattern(1000)


def slow(_environ, query):
    common.note("began-" + query["gate"])
    common.wait(query["gate"])
    return 200, [], b"done"


PLAIN = [("Content-Type", "text/plain")]
PAGES = {
    "/echo": echo,
    "/gzip": gzipped,
    "/redirect": redirect,
    "/part": part,
    "/slow": slow,
    "/bytes": lambda _, query: (200, PLAIN, common.pattern(int(query["n"]))),
    "/chunks": lambda _, query: (200, PLAIN, common.pieces(int(query["n"]))),
    "/status": lambda _, query: (int(query["code"]), [], b""),
    "/cookies": lambda *_: (200, [("Set-Cookie", f"{name}={value}; Path=/; Expires=Thu, 01 Jan 2032 00:00:00 GMT")
                                  for name, value in common.COOKIES], b""),
    "/early": lambda *_: (413, [], b"too much"),
    "/long": lambda _, query: (200, [("X-Long", "v" * int(query["n"]))], b""),
    "/events": lambda _, query: (200, [("Content-Type", "text/event-stream")], common.events(query["gate"])),
    "/endless": lambda _, query: (200, PLAIN, common.endless(query["gate"])),
}


def app(environ, start):
    """The application."""
    page = PAGES.get(environ.get("PATH_INFO", ""))
    query = {name: values[0] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
    if page is None and environ.get("PATH_INFO", "").startswith("/echo/"):
        page = echo
    if page is None:
        return respond(start, 404, [], b"no such page")
    status, fields, content = page(environ, query)
    if environ["REQUEST_METHOD"] == "HEAD" and isinstance(content, bytes):
        fields, content = [*fields, ("Content-Length", str(len(content)))], iter(())
    return respond(start, status, fields, content)


# uWSGI's name for it.
application = app

if __name__ == "__main__":
    # What is under way comes to its end: responses, and notes that clients have left.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    if sys.argv[1:2] == ["--waitress"]:
        import waitress


        where = sys.argv[2]
        bind = {"unix_socket": where[5:]} if where.startswith("unix:") else {"listen": where}
        # The proxy is trusted to say where the client asked.
        waitress.serve(app, **bind, threads=8, trusted_proxy="*", trusted_proxy_count=1, clear_untrusted_proxy_headers=True,
                       trusted_proxy_headers={"x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"})
    else:
        from wsgiref.handlers import CGIHandler

        CGIHandler().run(app)
