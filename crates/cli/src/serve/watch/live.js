// Put into this page by `tinyhttp serve --watch`: it is shown anew when something in the folder changes.
"use strict";
(() => {
  let since = document.currentScript.dataset.since;
  let events = null;

  // A browser keeps few connections to a server, so only pages that are seen have one. The others catch up when they are.
  function listen() {
    events?.close();
    if (document.hidden) return;
    events = new EventSource(`/.tinyhttp/events?since=${since}`);
    events.addEventListener("reload", () => location.reload());
    events.addEventListener("styles", ({ data, lastEventId }) => {
      since = lastEventId;
      if (!data.split("\n").every(restyle)) location.reload();
    });
  }

  // Takes a style sheet anew. Returns whether the page has it; one that another imports it doesn't have.
  function restyle(path) {
    let found = false;
    for (const link of document.querySelectorAll('link[rel~="stylesheet"][href]')) {
      const url = new URL(link.href);
      if (url.origin !== location.origin || !url.pathname.endsWith("/" + path)) continue;
      url.searchParams.set("tinyhttp", since);
      link.href = url;
      found = true;
    }
    return found;
  }

  document.addEventListener("visibilitychange", listen);
  listen();
})();
