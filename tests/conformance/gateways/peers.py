"""The application servers: how each is installed, configured and started, and what it can do.

A server is a process with a folder of its own. It listens on a free port of the loopback address or on a Unix socket, and ends
with the tests. `gate` files in the folder GATES tell an application when to go on, and a test what has happened.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import processes

ROOT = Path(__file__).resolve().parent.parent.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
APPS = Path(__file__).resolve().parent / "apps"
PEERS = TARGET / "peers"
# Seconds for a server to listen; Java takes its time on a machine under load.
START = 120
PYTHON = ("gunicorn", "waitress", "flask", "django", "tornado")


class Missing(Exception):
    """A server can't be installed here."""


def quiet(command, **options):
    """Runs a program: whether it succeeds."""
    try:
        return subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False, **options).returncode == 0
    except OSError:
        return False


def python():
    """The interpreter of an environment with the servers and frameworks in Python."""
    folder = PEERS / "python"
    program = folder / "bin/python"
    has_all = [program, "-c", "import " + ", ".join(PYTHON)]
    if not quiet(has_all):
        print(f"installing {', '.join(PYTHON)} below {folder}", flush=True)
        quiet([sys.executable, "-m", "venv", folder])
        quiet([program, "-m", "pip", "install", "-q", *PYTHON])
        if not quiet(has_all):
            raise Missing(f"{', '.join(PYTHON)} can't be installed from PyPI")
    return program


def program(*names):
    """The first of some programs that is here."""
    for name in names:
        if found := shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin"):
            return found
    raise Missing(f"{names[0]} is not installed")


def free_port():
    """A port that is free now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Process:
    """A process in a group of its own, whose output goes to a file. The signal `ending` asks it to end."""

    def __init__(self, command, folder, environment=None, ending=signal.SIGTERM):
        self.log, self.ending = folder / "log", ending
        with open(self.log, "ab") as log:
            self.child = processes.spawn(command, cwd=folder, stdout=log, stderr=log, env={**os.environ, **(environment or {})})

    def stop(self):
        """Ends the process, and what it has started. Waits for it, and kills what does not end."""
        try:
            self.child.send_signal(self.ending)
            self.child.wait(20)
        except subprocess.TimeoutExpired:
            pass
        processes.kill(self.child)

    def wait_for(self, address):
        """Waits until it accepts connections."""
        until = time.monotonic() + START
        is_internet = isinstance(address, tuple)
        while time.monotonic() < until:
            if self.child.poll() is not None:
                break
            with socket.socket(socket.AF_INET if is_internet else socket.AF_UNIX) as probe:
                if probe.connect_ex(address) == 0:
                    return
            time.sleep(0.02)
        tail = self.log.read_text(errors="replace")[-2000:]
        raise Missing(f"it did not start: {tail}")


class Peer:
    """A server with an application.

    `flag` is the flag of `serve` for its protocol, `lacks` the cases that it can't take part in, with a reason in the table of
    `cases.py`. `command(folder, where)` returns a command and an environment; `where` is HOST:PORT or unix:PATH. `front` starts
    another proxy between the clients and tinyhttp. The signal `ending` lets the server finish its responses first."""

    def __init__(self, name, flag, command, lacks=(), is_unix=False, front=None, ending=signal.SIGTERM):
        self.name, self.flag, self.command, self.lacks, self.is_unix = name, flag, command, frozenset(lacks), is_unix
        self.front, self.ending = front, ending

    def where(self, folder):
        """A place to listen at."""
        return f"unix:{folder / 'socket'}" if self.is_unix else f"127.0.0.1:{free_port()}"

    def start(self, folder, where):
        """Starts the server, and waits until it listens."""
        folder.mkdir(exist_ok=True)
        path = where.removeprefix("unix:")
        if self.is_unix and os.path.exists(path):
            os.remove(path)
        command, environment = self.command(folder, where)
        process = Process(command, folder, {"GATES": str(folder.parent / "gates"), "PYTHONPATH": str(APPS),
                                            "PYTHONDONTWRITEBYTECODE": "1", **environment}, self.ending)
        host, _, port = where.partition(":")
        try:
            process.wait_for(path if self.is_unix else (host, int(port)))
        except Missing:
            process.stop()
            raise
        return process


def gunicorn(app, *flags, environment=None):
    """Gunicorn with threads, two processes."""
    return lambda _folder, where: ([python(), "-m", "gunicorn", "-b", where, "-w", "2", "-k", "gthread", "--threads", "8",
                                    "--no-control-socket", "--graceful-timeout", "5", *flags, app], environment or {})


def waitress(_folder, where):
    return [python(), APPS / "plain.py", "--waitress", where], {}


def tornado(_folder, where):
    return [python(), APPS / "tornado_app.py", where], {}


def uwsgi(socket_flag):
    """uWSGI, which speaks a protocol on each kind of socket."""
    def command(_folder, where):
        words = [program("uwsgi"), "--plugin", "python3", "--master", "--processes", "2", "--threads", "8", "--die-on-term",
                 socket_flag, where.removeprefix("unix:"), "--chmod-socket=666", "--wsgi-file", APPS / "plain.py",
                 "--buffer-size", "65535", "--pythonpath", APPS, "--need-app"]
        return words, {}
    return command


def node(_folder, where):
    modules = PEERS / "node"
    runtime = program("node")
    if not (modules / "node_modules/ws").is_dir():
        print(f"installing ws below {modules}", flush=True)
        modules.mkdir(parents=True, exist_ok=True)
        if not quiet([program("npm"), "install", "--no-audit", "--no-fund", "--prefix", modules, "ws"]):
            raise Missing("ws can't be installed with npm")
    return [runtime, APPS / "node_app.mjs", where, modules], {}


TOMCAT = Path("/usr/share/tomcat10")
SERVER_XML = """<Server port="-1"><Service name="Catalina">
<Connector address="127.0.0.1" port="{port}" compression="on" compressionMinSize="1000" compressibleMimeType="text/plain"
  maxSwallowSize="-1" encodedSolidusHandling="decode" maxHttpRequestHeaderSize="65536" maxHttpResponseHeaderSize="65536"/>
<Engine name="Catalina" defaultHost="localhost"><Host name="localhost" appBase="webapps" autoDeploy="false">
<Valve className="org.apache.catalina.valves.RemoteIpValve" portHeader="X-Forwarded-Port"/>
</Host></Engine></Service></Server>
"""


def tomcat(folder, where):
    """Tomcat with a servlet, which is compiled for it."""
    if not (TOMCAT / "bin/catalina.sh").exists():
        raise Missing("tomcat10 is not installed")
    classes = folder / "webapps/ROOT/WEB-INF/classes"
    for name in ("conf", "logs", "temp", "work"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "conf/server.xml").write_text(SERVER_XML.format(port=where.partition(":")[2]))
    if not classes.exists():
        classes.mkdir(parents=True)
        jars = os.pathsep.join(str(TOMCAT / "lib" / jar) for jar in ("servlet-api.jar", "websocket-api.jar",
                                                                       "websocket-client-api.jar"))
        if not quiet([program("javac"), "-cp", jars, "-d", classes, APPS / "App.java"]):
            raise Missing("javac can't compile the servlet")
    java = Path(program("java")).resolve().parent.parent
    return [TOMCAT / "bin/catalina.sh", "run"], {"CATALINA_BASE": str(folder), "CATALINA_HOME": str(TOMCAT),
                                                 "JAVA_HOME": str(java), "CATALINA_OPTS": "-Xmx128m"}


HTTPD = """ServerRoot "{folder}"
Listen {where}
ServerName {where}
PidFile "{folder}/pid"
ErrorLog "{folder}/error.log"
DocumentRoot "{folder}/www"
{modules}
{user}
TypesConfig /dev/null
AddType text/plain .txt
ScriptSock "{folder}/cgisock"
<Directory "{folder}/www">
  Require all granted
</Directory>
AddOutputFilterByType DEFLATE text/plain
AllowEncodedSlashes On
AcceptPathInfo On
PassEnv GATES
KeepAliveTimeout 5
LimitRequestFieldSize 65000
RemoteIPHeader X-Forwarded-For
RemoteIPInternalProxy 127.0.0.1
{rules}
"""
HTTPD_MODULES = ("mpm_event", "authz_core", "mime", "dir", "cgid", "alias", "deflate", "filter", "env", "remoteip", "proxy",
                 "proxy_http", "proxy_wstunnel", "slotmem_shm", "headers")


def httpd_config(folder, where, rules):
    """Writes the configuration of Apache httpd: the command to start it with."""
    httpd = program("apache2", "httpd")
    modules = Path("/usr/lib/apache2/modules")
    lines = [f'LoadModule {name}_module "{modules}/mod_{name}.so"' for name in HTTPD_MODULES
             if (modules / f"mod_{name}.so").exists()]
    user = "User www-data\nGroup www-data" if os.getuid() == 0 else ""
    (folder / "www").mkdir(exist_ok=True)
    text = HTTPD.format(folder=folder, where=where, modules="\n".join(lines), user=user, rules=rules)
    (folder / "httpd.conf").write_text(text)
    return [httpd, "-DFOREGROUND", "-f", folder / "httpd.conf"]


def httpd(folder, where):
    """Apache httpd, which runs the application by CGI and has files of its own."""
    command = httpd_config(folder, where, f'Alias /part "{folder}/www/part.bin"\n'
                           f'ScriptAliasMatch "^/(?!part)(.*)" "{folder}/cgi/run/$1"\n'
                           f'<Directory "{folder}/cgi">\n  Require all granted\n</Directory>')
    (folder / "cgi").mkdir(exist_ok=True)
    script = folder / "cgi/run"
    # Its user can't read everything that this one can.
    for name in ("plain.py", "common.py"):
        shutil.copy(APPS / name, folder / "cgi" / name)
    interpreter = shutil.which("python3", path="/usr/bin:/bin") or sys.executable
    script.write_text(f"#!/bin/sh\nexport SCRIPT_NAME=\nexec {interpreter} -B {folder}/cgi/plain.py\n")
    script.chmod(0o755)
    (folder / "www/part.bin").write_bytes(bytes(index % 251 for index in range(1000)))
    return command, {}


def httpd_front(folder, upstream):
    """Apache httpd in front of tinyhttp: the process, and its address."""
    folder.mkdir(exist_ok=True)
    where = f"127.0.0.1:{free_port()}"
    rules = (f"ProxyPreserveHost On\nProxyPass /ws ws://{upstream}/ws\n"
             f"ProxyPass / http://{upstream}/ flushpackets=on\nProxyTimeout {START}")
    process = Process(httpd_config(folder, where, rules), folder)
    address = ("127.0.0.1", int(where.partition(":")[2]))
    try:
        process.wait_for(address)
    except Missing:
        process.stop()
        raise
    return process, address


# WSGI has no interim responses, and no WebSocket.
WSGI = ("websocket", "hints", "trailer", "relative")
# Nothing tells the application of the prefix that was cut off; its redirects have it all the same.
UNAWARE = "url /cut/"
ALL = [
    Peer("gunicorn", "--proxy", gunicorn("plain:app"), (*WSGI, UNAWARE)),
    # It decodes PATH_INFO once more, and ignores SCRIPT_NAME.
    Peer("gunicorn, uwsgi", "--uwsgi", gunicorn("plain:app", "--protocol", "uwsgi"), (*WSGI, "paths", UNAWARE, "redirect /cut/")),
    Peer("Flask", "--proxy", gunicorn("flask_app:app"), ("websocket", "hints", "trailer", "coded")),
    # Django reads no content without Content-Length.
    Peer("Django", "--proxy", gunicorn("django_app:app"), ("websocket", "hints", "trailer", "part", "chunks_up"), is_unix=True),
    Peer("waitress", "--proxy", waitress, (*WSGI, UNAWARE)),
    Peer("uWSGI, uwsgi", "--uwsgi", uwsgi("--socket"), WSGI, is_unix=True),
    # Over HTTP it reads no content without Content-Length, and never says 100 Continue.
    Peer("uWSGI, HTTP", "--proxy", uwsgi("--http-socket"), (*WSGI, "chunks_up", "expect", UNAWARE)),
    Peer("uWSGI, FastCGI", "--fastcgi", uwsgi("--fastcgi-socket"), WSGI, is_unix=True),
    Peer("uWSGI, SCGI", "--scgi", uwsgi("--scgi-socket"), WSGI),
    Peer("Tornado", "--proxy", tornado, ("hints", "trailer", "part"), is_unix=True),
    Peer("Node", "--proxy", node),
    Peer("Tomcat", "--proxy", tomcat, ("hints", "trailer", "part", UNAWARE)),
    # A program without CONTENT_LENGTH has no content, and one that leaves some unread no response.
    # SIGTERM ends it within responses.
    Peer("Apache httpd", "--proxy", httpd, (*WSGI, "chunks_up", "early", UNAWARE), ending=signal.SIGWINCH),
    # The front appends to what the client has made up, and is trusted. It closes connections
    # behind a 503.
    Peer("Node, httpd in front", "--proxy", node, ("url", "statuses", "restart"), is_unix=True, front=httpd_front),
]
