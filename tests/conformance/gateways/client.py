"""A client of the tests: one connection, on which it reads responses by the letter of RFC 9112, and WebSocket frames."""

import base64
import hashlib
import os
import socket
import struct

# Seconds that any step may take on a machine under load.
LONG = 60
LINE = 256 * 1024


class Broken(Exception):
    """A response that no client should get."""


class Response:
    """A response: status, fields in their order, content, and the statuses of the interim responses before it."""

    def __init__(self, status, fields):
        self.status, self.fields, self.content, self.interim = status, fields, b"", []

    def all(self, name):
        """Returns the values of all fields of a name."""
        return [value for other, value in self.fields if other == name]

    def field(self, name):
        """Returns the value of a field that is there once; `None` without it."""
        values = self.all(name)
        if len(values) > 1:
            raise Broken(f"{name} is there {len(values)} times: {values}")
        return values[0] if values else None


class Connection:
    """A connection to a server."""

    def __init__(self, address):
        self.socket = socket.create_connection(address, timeout=LONG)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Closes the connection."""
        self.input.close()
        self.socket.close()

    def send(self, method, target, fields=(), content=None, pieces=None):
        """Sends a request: with `content` and its length, or with `pieces`, each as a chunk."""
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields)]
        if not any(name.lower() == "host" for name, _ in fields):
            host, port = self.socket.getpeername()[:2]
            lines.insert(1, f"Host: {host}:{port}")
        if content is not None:
            lines.append(f"Content-Length: {len(content)}")
        if pieces is not None:
            lines.append("Transfer-Encoding: chunked")
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + (content or b""))
        if pieces is not None:
            self.send_chunks(pieces)

    def send_chunks(self, pieces):
        """Sends content in chunks, and its end."""
        for piece in pieces:
            self.socket.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.socket.sendall(b"0\r\n\r\n")

    def ask(self, method, target, fields=(), content=None, pieces=None):
        """Sends a request and reads the whole response."""
        self.send(method, target, fields, content, pieces)
        return self.read(method)

    def read(self, method="GET"):
        """Reads the next response, with its content."""
        response = self.read_head()
        response.content = b"".join(self.content(response, method))
        return response

    def read_head(self):
        """Reads the head of the next final response."""
        interim = []
        while True:
            response = self.one_head()
            if response.status >= 200 or response.status == 101:
                response.interim = interim
                return response
            interim.append(response.status)

    def one_head(self):
        """Reads a head, be it of an interim response."""
        line = self.line()
        if not line.startswith("HTTP/1.1 ") or not line[9:12].isdigit():
            raise Broken(f"no status line: {line!r}")
        fields = []
        while text := self.line():
            name, colon, value = text.partition(":")
            if not colon or not name or name != name.strip():
                raise Broken(f"no field: {text!r}")
            fields.append((name.lower(), value.strip(" \t")))
        return Response(int(line[9:12]), fields)

    def content(self, response, method):
        """The pieces of a response's content, as its framing says."""
        length, coding = response.field("content-length"), response.field("transfer-encoding")
        if length is not None and coding is not None:
            raise Broken("Content-Length and Transfer-Encoding")
        if method == "HEAD" or response.status in (204, 304):
            return
        if coding is not None:
            yield from self.chunks(coding)
        elif length is not None:
            rest = int(length)
            while rest:
                piece = self.input.read1(min(rest, 1 << 16))
                if not piece:
                    raise Broken(f"the content ends {rest} bytes early")
                rest -= len(piece)
                yield piece
        else:
            while piece := self.input.read1(1 << 16):
                yield piece

    def chunks(self, coding):
        if coding != "chunked":
            raise Broken(f"Transfer-Encoding: {coding}")
        while True:
            line = self.line()
            size = int(line, 16)
            if not size:
                break
            piece = self.input.read(size)
            if len(piece) < size or self.input.read(2) != b"\r\n":
                raise Broken("a chunk is cut")
            yield piece
        while self.line():
            pass

    def line(self):
        """Reads a line without its CRLF."""
        line = self.input.readline(LINE)
        if not line.endswith(b"\r\n"):
            raise Broken(f"the connection ends within a line: {line[-80:]!r}" if len(line) < LINE else "a line has no end")
        return line[:-2].decode("latin-1")

    def is_closed(self):
        """Waits for the server to close the connection."""
        return self.input.read(1) == b""


class WebSocket:
    """A WebSocket connection (RFC 6455), as a client."""

    def __init__(self, address, target):
        self.connection = Connection(address)
        key = base64.b64encode(os.urandom(16)).decode()
        fields = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", key)]
        self.connection.send("GET", target, fields)
        response = self.connection.read_head()
        digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        if response.status != 101 or response.field("sec-websocket-accept") != base64.b64encode(digest).decode():
            raise Broken(f"no upgrade: {response.status} {response.fields}")

    def send(self, kind, payload):
        """Sends a frame: 1 is text, 2 bytes, 8 the end, 9 a ping."""
        length = len(payload)
        if length < 126:
            head = struct.pack("!BB", 0x80 | kind, 0x80 | length)
        elif length < 1 << 16:
            head = struct.pack("!BBH", 0x80 | kind, 0x80 | 126, length)
        else:
            head = struct.pack("!BBQ", 0x80 | kind, 0x80 | 127, length)
        # A mask of zeros leaves the payload as it is.
        self.connection.socket.sendall(head + bytes(4) + payload)

    def read(self):
        """Reads a message or control frame: its kind and payload."""
        kind, payload = 0, b""
        while True:
            first, length = self.exactly(2)
            if length == 126:
                (length,) = struct.unpack("!H", self.exactly(2))
            elif length == 127:
                (length,) = struct.unpack("!Q", self.exactly(8))
            kind, payload = kind or first & 15, payload + self.exactly(length)
            if first & 0x80:
                return kind, payload

    def exactly(self, length):
        data = self.connection.input.read(length)
        if len(data) < length:
            raise Broken("the connection ends within a frame")
        return data
