#!/usr/bin/env python3
"""Draws docs/listing.svg and docs/explain.svg from what the program really prints.

    cargo build -p tinyhttp-cli && python3 docs/pictures.py target/debug/tinyhttp
"""

import fcntl
import html.parser
import os
import pathlib
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
import urllib.request
from xml.sax.saxutils import escape

HERE = pathlib.Path(__file__).parent
COLUMNS = 96
MONO = 'ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace'

# The colours of listings: crates/server/src/files/listing/style.css.
STYLE = """
.desk { fill: #f0f3ec } .paper { fill: #fdfefb; stroke: #bdc9bf } .bar { fill: #e1eedc }
.ink { fill: #17201b } .soft { fill: #4d5a52 } .link { fill: #17499b } .rule { stroke: #bdc9bf }
.cyan { fill: #00707a } .green { fill: #2c6e1f } .yellow { fill: #8a5a00 }
@media (prefers-color-scheme: dark) {
.desk { fill: #0e1512 } .paper { fill: #141d19; stroke: #3a4941 } .bar { fill: #1b2822 }
.ink { fill: #e3ebe5 } .soft { fill: #a5b4ab } .link { fill: #92baff } .rule { stroke: #3a4941 }
.cyan { fill: #6cc7d1 } .green { fill: #8fce7c } .yellow { fill: #e5b95c }
}
.bold { font-weight: 600 }
"""


def svg(width, height, title, body):
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family=\'{MONO}\' font-size="14">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n"
        f'<rect class="desk" width="{width}" height="{height}" rx="8"/>\n{body}</svg>\n'
    )


def text(x, y, classes, content, more=""):
    return f'<text x="{x:g}" y="{y:g}" class="{classes}"{more} xml:space="preserve">{escape(content)}</text>\n'


class Server:
    """A running `tinyhttp serve`."""

    def __init__(self, program, folder):
        command = [program, "serve", str(folder), "-p", "0", "--log-file", "/dev/null"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        lines = iter(self.process.stdout.readline, "")
        self.url = next(line.strip() for line in lines if "http://" in line)
        next(line for line in lines if "Ctrl-C" in line)

    def __enter__(self):
        return self.url

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


class Listing(html.parser.HTMLParser):
    """The path, the counts and the rows of a listing."""

    def __init__(self):
        super().__init__()
        self.path, self.counts, self.rows, self.inside = "", "", [], []

    def handle_starttag(self, tag, attributes):
        if tag in ("h1", "p", "tr", "td", "th", "style", "script", "article"):
            self.inside.append(tag)
        if tag == "tr":
            self.rows.append([dict(attributes).get("class") or "", []])
        if tag in ("td", "th"):
            self.rows[-1][1].append("")

    def handle_endtag(self, tag):
        while tag in self.inside and self.inside.pop() != tag:
            pass

    def handle_data(self, data):
        if {"style", "script", "article"} & set(self.inside):
            return
        if "h1" in self.inside:
            self.path += data
        elif "td" in self.inside or "th" in self.inside:
            self.rows[-1][1][-1] += data
        elif "p" in self.inside:
            self.counts += data


def draw_listing(program):
    with tempfile.TemporaryDirectory() as folder:
        files = {
            "photos/harbour.jpg": 2_412_001,
            "slides/talk.html": 18_240,
            "app.css": 4_211,
            "app.js": 61_377,
            "data.json": 912_450,
            "index-of-terms.txt": 7_904,
            "report.pdf": 1_204_118,
        }
        for number, (name, size) in enumerate(files.items()):
            path = pathlib.Path(folder, name)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"x" * size)
            time = 1_790_000_000 - number * 987_654
            os.utime(path, (time, time))
            if path.parent != pathlib.Path(folder):
                os.utime(path.parent, (time, time))
        with Server(program, folder) as url:
            listing = Listing()
            listing.feed(urllib.request.urlopen(url).read().decode())
    width, top, row = 860, 96, 30
    heads, rows = listing.rows[0], listing.rows[1:]
    height = top + row * (len(rows) + 1) + 24
    body = text(24, 40, "ink", listing.path.strip(), ' font-size="18"')
    sans = ' font-family="system-ui, sans-serif"'
    link = '<tspan class="link" text-decoration="underline">{}</tspan>'
    archives = f"Download all: {link.format('zip')}  {link.format('tar')}"
    counts = escape(listing.counts.strip())
    body += f'<text x="24" y="70" class="soft"{sans} xml:space="preserve">{counts}    {archives}</text>\n'
    body += f'<rect class="paper" x="{width - 250}" y="52" width="226" height="28" rx="4"/>\n'
    body += text(width - 238, 71, "soft", "Filter", sans)
    body += f'<rect class="paper" x="24" y="{top}" width="{width - 48}" height="{row * (len(rows) + 1)}"/>\n'
    right, modified = width - 232, width - 204
    for number, (kind, cells) in enumerate([heads, *rows]):
        y = top + row * number
        if number % 2 == 1:
            body += f'<rect class="bar" x="24.5" y="{y}" width="{width - 49}" height="{row}"/>\n'
        cells = [" ".join(cell.split()) for cell in cells] + ["", "", ""]
        first = "soft" if number == 0 else "link bold" if kind == "dir" else "link"
        body += text(36, y + 20, first, cells[0])
        body += text(right, y + 20, "soft", cells[1], ' text-anchor="end"')
        # As the page's script shows it.
        body += text(modified, y + 20, "soft", cells[2].replace("T", " ")[:16])
    return svg(width, height, "A directory in a browser: tinyhttp serve", body)


def in_terminal(command):
    """What a command prints on a terminal of 96 columns."""
    process, terminal = pty.fork()
    if process == 0:
        os.environ.update(TERM="xterm-256color", COLUMNS=str(COLUMNS))
        os.execv(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    output = b""
    try:
        while piece := os.read(terminal, 65536):
            output += piece
    except OSError:
        pass  # The end of a terminal.
    os.waitpid(process, 0)
    return output.decode().replace("\r\n", "\n")


COLOURS = {"32": "green", "33": "yellow", "36": "cyan"}


def spans(line):
    """Splits a line at its escape sequences: (column, classes, text)."""
    column, codes = 0, set()
    for piece in re.split(r"(\x1b\[[0-9;]*m)", line):
        if piece.startswith("\x1b["):
            for code in piece[2:-1].split(";"):
                codes = set() if code in ("", "0") else codes | {code}
            continue
        colour = next((COLOURS[code] for code in codes if code in COLOURS), "ink")
        classes = "soft" if "2" in codes else colour + (" bold" if "1" in codes else "")
        # Runs of spaces are left out, so that columns do not depend on the width of a space.
        for run in re.finditer(r"\S+(?: \S+)*", piece):
            yield column + run.start(), classes, run.group()
        column += len(piece)


def draw_explain(program):
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "hello.txt").write_text("Hello from tinyhttp!\n")
        with Server(program, folder) as url:
            command = "tinyhttp get --explain " + url + "hello.txt"
            for _ in range(3):  # The first one waits for pages of the program to be read.
                output = in_terminal([program, "get", "--explain", url + "hello.txt"])
    sections = output.strip("\n").split("\n\n")
    # All of them would be too long for a README.
    kept = [*sections[:4], "   \x1b[2m… 5 Receive the response, 6 Close the connection, or keep it, 7 Show the content\x1b[0m", sections[-1]]
    lines = ["$ \x1b[1m" + command + "\x1b[0m", "", *"\n\n".join(kept).split("\n")]
    cell, row = 8.45, 19
    body = ""
    for number, line in enumerate(lines):
        y = 32 + row * number
        for column, classes, content in spans(line):
            length = f' textLength="{len(content) * cell:g}" lengthAdjust="spacingAndGlyphs"'
            body += text(20 + column * cell, y, classes, content, length)
    return svg(round(40 + COLUMNS * cell), 32 + row * len(lines), "tinyhttp get --explain in a terminal", body)


def main():
    program = os.path.abspath(sys.argv[1])
    (HERE / "listing.svg").write_text(draw_listing(program))
    (HERE / "explain.svg").write_text(draw_explain(program))


main()
