// The experiments of live.html: each button sends a real request to this server and prints both messages.
// Without this script the page shows an example of each, and the curl line that does the same.

const FILE = "/hello.txt";
const $ = (selector, within = document) => within.querySelector(selector);
const reveal = (selector, within = document) => within.querySelectorAll(selector).forEach((e) => { e.hidden = false; });

// The browser hands field names over in lower case; HTTP does not care, readers do.
const written = (name) => name === "etag" ? "ETag" : name.replace(/(^|-)[a-z]/g, (s) => s.toUpperCase());

// Every text here came from the network or the reader, so it only ever becomes text nodes.
function row(before, bold, after, kind = "row") {
  const line = document.createElement("span");
  line.className = kind;
  const b = document.createElement("b");
  b.textContent = bold;
  line.append(before, b, after);
  return line;
}
const field = ([name, value]) => row("", `${written(name.toLowerCase())}:`, ` ${value}`);
const contentRows = (text) => text.split(/(?<=\n)/).slice(0, 40)
  .map((line) => row("", "", line.replace(/\r?\n$/, ""), line.endsWith("\n") ? "row lf" : "row raw"));

// Was a connection opened for this, or did an older one serve again?
function carried(url) {
  const entry = performance.getEntriesByName(url).at(-1);
  if (!entry?.requestStart) return "";
  return entry.connectEnd > entry.connectStart ? ", over a new connection" : ", over a kept connection";
}

async function send(section, method, path, fields) {
  const url = new URL(path, location.origin);
  if (url.origin !== location.origin) throw new TypeError("only this server may be asked");
  const status = $(".run span", section);
  status.textContent = "…";
  performance.clearResourceTimings();
  const start = performance.now();
  const response = await fetch(url, { method, headers: fields, cache: "no-store", redirect: "manual" });
  const content = await response.text();
  const took = performance.now() - start;

  reveal(".sheet", section);
  $(".from-client code", section).replaceChildren(
    row("", method, ` ${url.pathname}${url.search} HTTP/1.1`), field(["Host", location.host]), ...Object.entries(fields).map(field), row("", "", ""));
  const answer = $(".from-server code", section);
  if (response.type === "opaqueredirect") {
    answer.replaceChildren(row("HTTP/1.1 ", "3xx", ""));
    status.textContent = "A redirect. A browser lets scripts follow one, but not read it.";
    return response;
  }
  answer.replaceChildren(
    row("HTTP/1.1 ", String(response.status), ` ${response.statusText}`), ...[...response.headers].map(field), row("", "", ""), ...contentRows(content));
  const bytes = new TextEncoder().encode(content).length;
  status.textContent = `${response.status}, ${bytes} bytes of content, ${took.toFixed(1)} ms${carried(url.href)}.`;
  return response;
}

// What the server calls the present version of the file: as a condition that asks for anything newer.
async function unlessChanged() {
  const response = await fetch(FILE, { method: "HEAD", cache: "no-store" });
  await response.text(); // nothing comes, but a response that isn't read to its end counts as given up
  const { headers } = response;
  const tag = headers.get("etag");
  return tag ? { "If-None-Match": tag } : { "If-Modified-Since": headers.get("last-modified") ?? new Date().toUTCString() };
}

let condition = null; // made from the first answer seen, so that an edit in between shows
const experiments = {
  whole: (section) => send(section, "GET", FILE, {}),
  unchanged: async (section) => {
    condition ??= await unlessChanged();
    const response = await send(section, "GET", FILE, condition);
    if (response.status === 200) condition = null;
  },
  part: (section) => send(section, "GET", FILE, { Range: `bytes=${$("#first").value}-${$("#last").value}` }),
  resume: (section) => send(section, "GET", FILE, { "If-Range": '"of-yesterday"', Range: "bytes=10-" }),
  head: (section) => send(section, "HEAD", FILE, {}),
  own: (section) => {
    const { method, path, field: name, value } = Object.fromEntries(new FormData($("#compose")));
    return send(section, method, path, name ? { [name]: value } : {});
  },
};

for (const [id, run] of Object.entries(experiments)) {
  const section = document.getElementById(id);
  const go = async () => {
    try { await run(section); }
    catch (error) { $(".run span", section).textContent = `No answer: ${error.message}.`; }
  };
  const form = $("form", section);
  if (form) form.addEventListener("submit", (event) => { event.preventDefault(); go(); });
  else $("button", section).addEventListener("click", go);
}

// Step by step, how the page itself came.
function timing() {
  const t = performance.getEntriesByType("navigation")[0];
  if (!t || !t.responseEnd) return;
  const ms = (from, to) => `${Math.max(0, to - from).toFixed(1)} ms`;
  const kept = t.connectEnd === t.connectStart;
  const steps = [
    location.href,
    kept ? "not needed: a connection was open" : ms(t.domainLookupStart, t.domainLookupEnd),
    kept ? "not needed" : ms(t.connectStart, t.connectEnd),
    `${ms(t.requestStart, t.responseStart)} until the first byte of the answer`,
    `${ms(t.responseStart, t.responseEnd)} for ${t.encodedBodySize} bytes`,
    "kept open, for the files this page names",
    `${ms(t.responseEnd, t.domComplete)} until the page stood`,
  ];
  document.querySelectorAll("#timing dd").forEach((e, i) => { e.textContent = steps[i]; });
}

if (location.protocol.startsWith("http")) {
  reveal(".scripted, .run, .choose, #own");
  document.querySelectorAll(".cmd").forEach((e) => { e.textContent = e.textContent.replace("127.0.0.1:8080", location.host); });
  document.querySelectorAll(".row").forEach((e) => { if (e.lastChild?.data === " 127.0.0.1:8080") e.lastChild.data = ` ${location.host}`; });
  if (document.readyState === "complete") setTimeout(timing);
  else addEventListener("load", () => setTimeout(timing));
}
