// Added to this page by `tinyhttp serve --watch`: reloads it when something in the directory changes.
"use strict";
(() => {
  let since = document.currentScript.dataset.since;
  let events = null;

  // A browser keeps few connections to a server, so only visible pages have one. Hidden pages catch up
  // when they become visible.
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

  // Reloads a style sheet. Returns whether the page links to it: imported ones are not found.
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
