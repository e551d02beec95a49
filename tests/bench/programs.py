"""The programs that are compared: how each is started, what it uses, and that it ends.

Every server gets a folder of its own for its state, a free port on 127.0.0.1, and its configuration from `peers/`, with
the names between @ signs filled in. It runs in a session of its own, whose processes are killed when the `with` block ends,
however that comes about: nothing here has anything to lose.
"""

import functools
import http.client
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
TINYHTTP = TARGET / "release" / "tinyhttp"
CANNED = TARGET / "release" / "examples" / "canned"
HTTPS_LOAD = TARGET / "release" / "examples" / "https_load"
CORES = len(os.sched_getaffinity(0))
TICKS = os.sysconf("SC_CLK_TCK")

# The servers, in the order of the tables: the command, and its configuration. Those that aren't installed are left out.
# `canned` is no server: it is what the threads, the poller and the sockets cost when nothing is parsed or looked up.
SERVERS = {
    "tinyhttp": ([str(TINYHTTP), "serve", "@SITE@", "-p", "@PORT@", "@QUIET@", "@TLS_CERT@", "@TLS_KEY@"],
                 None),
    "nginx": (["nginx", "-c", "@CONF@", "-p", "@STATE@", "-e", "@STATE@/error.log"], "nginx.conf"),
    "h2o": (["h2o", "-c", "@CONF@"], "h2o.conf"),
    "lighttpd": (["lighttpd", "-D", "-f", "@CONF@"], "lighttpd.conf"),
    "haproxy": (["haproxy", "-q", "-f", "@CONF@"], "haproxy.cfg"),
    "caddy": (["caddy", "run", "--adapter", "caddyfile", "--config", "@CONF@"], "Caddyfile"),
    "darkhttpd": (["darkhttpd", "@SITE@", "--addr", "127.0.0.1", "--port", "@PORT@", "--maxconn", "20000"], None),
    "canned": ([str(CANNED), "@PORT@", str(CORES)], None),
}


def installed(name):
    """Where a program is. The system's own folders are searched even if a user's PATH leaves them out."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def versions():
    """What each program calls itself, for the heading of the tables."""
    asked = {"nginx": "-v", "haproxy": "-v", "h2o": "-v", "lighttpd": "-v", "caddy": "version", "darkhttpd": "--version",
             "wrk": "-v", "curl": "--version", "wget": "--version"}
    found = [version([str(TINYHTTP), "--version"])]
    return found + [version([path, asked[name]]) for name in asked if (path := installed(name))]


def version(command):
    said = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False).stdout.decode()
    number = re.search(r"\d+\.\d+[\w.]*", said)
    return f"{os.path.basename(command[0])} {number.group() if number else '?'}"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=10)


@functools.cache
def trusting():
    """A context for servers whose certificate no authority has signed. It is shared, and resumes nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def make_certificate(folder):
    """One certificate (ECDSA P-256) for all servers."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "7",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", f"{folder}/key.pem", "-out", f"{folder}/certificate.pem"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    both = "".join(pathlib.Path(f"{folder}/{name}.pem").read_text() for name in ("key", "certificate"))
    pathlib.Path(f"{folder}/both.pem").write_text(both)


def ask(connection, fields=b"", path=b"/1k.bin", length=1024):
    """Sends a request and waits for the whole answer. Raw, so that little of the time it takes is Python's."""
    connection.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n" + fields + b"\r\n")
    answer = b""
    while len(answer.partition(b"\r\n\r\n")[2]) < length:
        received = connection.recv(8192)
        if not received:
            raise OSError("the connection ended before the answer did")
        answer += received


class DoesNotAnswer(Exception):
    """A server that ended, or did nothing, after it was started; with what it said."""


class Server:
    """A running server. Leaving the `with` block ends it and everything it has started.

    `nginx + log` is nginx with the option `log`: its configuration keeps the lines after `@if-log@` and drops those after
    `@unless-log@`. `tls` is HTTPS with the certificate beside the site. `root` is an option that is there whenever root runs this. `flags` are added to the command, and `fields` to
    the first request, whose arguments for `ask` are in `first`. `programs` takes the place of SERVERS, and `names` adds names to fill in.
    """

    def __init__(self, name, site, flags=(), fields=b"", programs=None, options=(), names=None):
        self.name, self.port, self.first = name, free_port(), (fields,)
        program, *named = name.split(" + ")
        options = [*named, *options]
        self.is_secured = "tls" in options
        certificate = f"{site.parent}/certificate.pem" if self.is_secured else ""
        if os.geteuid() == 0:
            options.append("root")
        self.state = tempfile.mkdtemp(prefix=f"{program}-", dir=site.parent)
        command, conf = (programs or SERVERS)[program]
        self.names = {
            "PORT": str(self.port), "SITE": str(site), "STATE": self.state, "CORES": str(CORES),
            "CONF": f"{self.state}/{conf}", "LOG": f"{self.state}/access.log", "QUIET": "" if "log" in options else "-q",
            "CERTIFICATE": certificate, "KEY": f"{site.parent}/key.pem", "BOTH": f"{site.parent}/both.pem",
            "TLS_CERT": certificate and f"--tls-cert={certificate}",
            "TLS_KEY": certificate and f"--tls-key={site.parent}/key.pem",
            "MIME_TYPES": "/etc/nginx/mime.types" if os.path.exists("/etc/nginx/mime.types") else "/dev/null",
            **(names or {}),
        }
        if conf:
            lines = []
            for line in (HERE / "peers" / conf).read_text().splitlines():
                mark = re.match(r"(\s*)@(if|unless)-([\w-]+)@ ?", line)
                if not mark:
                    lines.append(line)
                elif (mark.group(3) in options) == (mark.group(2) == "if"):
                    # YAML goes by the indentation.
                    lines.append(mark.group(1) + line[mark.end():])
            pathlib.Path(self.names["CONF"]).write_text(self.fill("\n".join(lines) + "\n"))
        self.command = [part for part in map(self.fill, [*command, *flags]) if part]
        self.command[0] = installed(self.command[0])

    def fill(self, text):
        return re.sub(r"@([A-Z_]+)@", lambda name: self.names[name.group(1)], text)

    def __enter__(self):
        started = time.monotonic()
        with open(f"{self.state}/output", "wb") as output:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                            start_new_session=True)
        try:
            self.wait_for_answer()
            self.started_in = time.monotonic() - started
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        shutil.rmtree(self.state, ignore_errors=True)

    def wait_for_answer(self):
        """Tries until the first answer. Without a pause in between: how long that takes is measured, too."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with self.connect() as connection:
                    return ask(connection, *self.first)
            except OSError:
                pass
        said = "".join(pathlib.Path(path).read_text(errors="replace")
                       for path in (f"{self.state}/output", f"{self.state}/error.log") if os.path.exists(path))
        raise DoesNotAnswer(f"{self.name} does not answer: {' '.join(self.command)}\n{said}")

    def connect(self):
        """A connection, with TLS if the server has it."""
        connection = connect(self.port)
        return trusting().wrap_socket(connection) if self.is_secured else connection

    def url(self, path):
        return f"http{'s' if self.is_secured else ''}://127.0.0.1:{self.port}{path}"

    def get(self, path, **fields):
        """The status, the fields and the content of one answer, on a connection of its own."""
        if self.is_secured:
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=10, context=trusting())
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path, headers=fields)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        except http.client.HTTPException as error:
            raise OSError(f"{self.name}: {error!r}") from error
        finally:
            connection.close()

    def processes(self):
        """The process and its descendants, which stay in its session."""
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                # After the name, which is in parentheses: state, parent, group, session, …
                fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[3]) == self.process.pid:
                yield pid, fields

    def cpu(self):
        """Seconds of user and system time that all its processes have used."""
        return sum(int(fields[11]) + int(fields[12]) for _, fields in self.processes()) / TICKS

    def memory(self):
        """Bytes: the proportional set size (PSS), in which a page shared by n processes counts for 1/n in each."""
        total = 0
        for pid, _ in self.processes():
            rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += int(re.search(r"^Pss:\s+(\d+)", rollup, re.MULTILINE).group(1)) * 1024
        return total


def all_descriptors():
    """Lets this process and what it starts open as many descriptors as the system lets them: how many that are."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


def end_on_signals():
    """Lets SIGTERM and SIGHUP end this program as Ctrl-C does, through every `with` block."""
    def end(number, _):
        raise SystemExit(128 + number)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)


def machine():
    """One line on where this ran and what took part."""
    cpu = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    load = os.getloadavg()[0]
    kernel = os.uname()
    return (f"{cpu.group(1) if cpu else kernel.machine}, {CORES} cores, Linux {kernel.release}, "
            f"{time.strftime('%Y-%m-%d')}, load before {load:.1f}; {', '.join(versions())}")
