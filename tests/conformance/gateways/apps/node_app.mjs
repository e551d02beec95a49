// Node's own server, and WebSocket from the package `ws`.

import { createHash } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const [where, modules] = process.argv.slice(2);
const { WebSocketServer } = createRequire(join(modules, "x.js"))("ws");
const folder = process.env.GATES;
const PIECE = 50_000;
const COOKIES = ["a=1", "b=2", "c=3"];

const pattern = (length) => Buffer.alloc(length, Buffer.from(Array.from({ length: 251 }, (_, byte) => byte)));
const note = (gate) => writeFileSync(join(folder, gate), "");
const wait = async (gate) => {
  while (!existsSync(join(folder, gate))) await new Promise((resolve) => setTimeout(resolve, 5));
};
// Writes a piece when the client has taken the ones before it. `false`: the client has left.
const write = async (response, piece) => {
  if (response.destroyed) return false;
  if (!response.write(piece)) await new Promise((resolve) => { response.once("drain", resolve); response.once("close", resolve); });
  return !response.destroyed;
};

async function echo(request, response, url) {
  const hash = createHash("sha256");
  let length = 0;
  for await (const piece of request) {
    length += piece.length;
    hash.update(piece);
  }
  const fields = request.headers;
  const seen = {
    method: request.method, path: decodeURIComponent(url.pathname), query: url.search.slice(1), script: "", length,
    sha256: hash.digest("hex"), fields, client: fields["x-forwarded-for"] ?? "",
    url: `${fields["x-forwarded-proto"]}://${fields["x-forwarded-host"]}${fields["x-forwarded-prefix"] ?? ""}/echo`,
  };
  response.setHeader("Content-Type", "application/json").end(JSON.stringify(seen));
}

const pages = {
  "/bytes": (_, response, url) => response.end(pattern(+url.searchParams.get("n"))),
  "/chunks": async (_, response, url) => {
    const content = pattern(+url.searchParams.get("n"));
    for (let at = 0; at < content.length; at += PIECE) await write(response, content.subarray(at, at + PIECE));
    response.end();
  },
  "/status": (_, response, url) => response.writeHead(+url.searchParams.get("code")).end(),
  "/cookies": (_, response) => response.setHeader("Set-Cookie", COOKIES).end(),
  "/early": (_, response) => response.writeHead(413).end("too much"),
  "/long": (_, response, url) => response.setHeader("X-Long", "v".repeat(+url.searchParams.get("n"))).end(),
  "/redirect": (request, response) => response.writeHead(302, { Location: `http://${request.headers.host}/echo` }).end(),
  "/relative": (_, response) => response.writeHead(302, { Location: "/echo" }).end(),
  "/gzip": (request, response) => {
    const isAccepted = (request.headers["accept-encoding"] ?? "").includes("gzip");
    if (isAccepted) response.setHeader("Content-Encoding", "gzip");
    response.end(isAccepted ? gzipSync(pattern(100_000)) : pattern(100_000));
  },
  "/part": (request, response) => {
    response.setHeader("ETag", '"v1"');
    if (request.headers["if-none-match"] === '"v1"') return response.writeHead(304).end();
    if (request.headers.range !== "bytes=10-19") return response.end(pattern(1000));
    return response.writeHead(206, { "Content-Range": "bytes 10-19/1000" }).end(pattern(1000).subarray(10, 20));
  },
  "/events": async (_, response, url) => {
    response.setHeader("Content-Type", "text/event-stream").write("data: first\n\n");
    await wait(url.searchParams.get("gate"));
    response.end("data: second\n\n");
  },
  "/endless": async (_, response, url) => {
    while (await write(response, pattern(PIECE)));
    note(url.searchParams.get("gate"));
  },
  "/slow": async (_, response, url) => {
    note(`began-${url.searchParams.get("gate")}`);
    await wait(url.searchParams.get("gate"));
    response.end("done");
  },
  // Interim responses of its own.
  "/hints": (_, response) => response.writeEarlyHints({ link: "</a.css>; rel=preload" }, () => response.end("done")),
  // A trailer behind the content.
  "/trailer": (_, response) => {
    response.writeHead(200, { Trailer: "X-Sum" });
    response.write("content");
    response.addTrailers({ "X-Sum": "7" });
    response.end();
  },
};

const server = createServer(async (request, response) => {
  const url = new URL(request.url, "http://localhost");
  const page = url.pathname === "/echo" || url.pathname.startsWith("/echo/") ? echo : pages[url.pathname];
  if (page) await page(request, response, url);
  else response.writeHead(404).end("no such page");
});
const sockets = new WebSocketServer({ server, path: "/ws", maxPayload: 1 << 24 });
sockets.on("connection", (socket) => socket.on("message", (message, binary) => socket.send(message, { binary })));
// A client that leaves within its content makes the reading of it fail, which concerns no other.
process.on("unhandledRejection", () => {});
// Open connections end with the process, as in most deployments.
process.on("SIGTERM", () => { server.close(() => process.exit(0)); server.closeIdleConnections(); });
if (where.startsWith("unix:")) server.listen(where.slice(5));
else server.listen(+where.split(":")[1], "127.0.0.1");
