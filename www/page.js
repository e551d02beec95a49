// Enhances the start page: real host in the commands, and one real exchange on request. The page is complete without it.

const put = (selector, text) => document.querySelectorAll(selector).forEach((e) => { e.textContent = text; });

if (location.protocol.startsWith("http")) {
  put(".here", location.host);
  put(".here-nc", `${location.hostname.replace(/^\[|\]$/g, "")} ${location.port || 80}`);
}

// The browser hands field names over in lower case; HTTP does not care, readers do.
const written = (name) => name === "etag" ? "ETag" : name.replace(/(^|-)[a-z]/g, (s) => s.toUpperCase());

// Every text here came from the network, so it only ever becomes text nodes.
function row(bold, rest, before = "") {
  const line = document.createElement("span");
  line.className = "row";
  const b = document.createElement("b");
  b.textContent = bold;
  line.append(before, b, rest);
  return line;
}

const again = document.getElementById("again");
const button = again.querySelector("button");
const said = again.querySelector("p");
again.hidden = false;

button.addEventListener("click", async () => {
  try {
    const start = performance.now();
    const response = await fetch("/hello.txt", { cache: "no-store" });
    const text = await response.text();
    const took = performance.now() - start;
    document.getElementById("status-line").replaceChildren(row(String(response.status), ` ${response.statusText}`, "HTTP/1.1 "));
    document.getElementById("fields").replaceChildren(...[...response.headers].map(([name, value]) => row(`${written(name)}:`, ` ${value}`)));
    document.getElementById("content").replaceChildren(row("", text.trimEnd()));
    said.textContent = `Answered in ${took.toFixed(1)} ms, as the browser saw it. The fields are in the order of the alphabet: their order means nothing, so browsers do not keep it.`;
    button.textContent = "Send it again";
  } catch {
    said.textContent = "No answer: is the server still running?";
  }
});
