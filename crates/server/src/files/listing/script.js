"use strict";
{
  const table = document.querySelector("table");
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const filter = document.querySelector("[type=search]");
  const count = document.querySelector("[role=status]");
  const total = count.textContent;
  // What the server has left out isn't here to be shown again.
  const asked = filter.defaultValue.toLowerCase();
  const rows = [...body.rows].filter((row) => !row.classList.contains("up")).map((row) => {
    const [name, size, modified] = row.cells;
    const text = name.textContent;
    const time = modified.firstChild;
    const date = new Date(time.dateTime = time.textContent);
    return {
      row, text, lower: text.toLowerCase(), time,
      link: name.firstChild,
      folder: row.classList.contains("dir"),
      date,
      values: [text, Number(size.dataset.size ?? 0), date.getTime()],
    };
  });

  // Times were sent in UTC; people think in their own.
  const two = (number) => String(number).padStart(2, "0");
  for (const { time, date } of rows) {
    if (Number.isNaN(date.getTime())) continue;
    time.textContent = `${String(date.getFullYear()).padStart(4, "0")}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`;
  }

  const byName = new Intl.Collator(undefined, { numeric: true }).compare;
  const sort = (column, down) => {
    const sign = down ? -1 : 1;
    const compare = column === 0 ? byName : (a, b) => (a < b ? -1 : a > b ? 1 : 0);
    rows.sort((a, b) => b.folder - a.folder
      || sign * (compare(a.values[column], b.values[column]) || byName(a.text, b.text)));
    body.append(...rows.map(({ row }) => row));
    heads.forEach((head, at) => {
      if (at === column) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    // Other folders open in the same order, and this one does when it is loaded again.
    const order = column === 0 && !down ? "" : `?sort=${buttons[column].value}&order=${down ? "desc" : "asc"}`;
    for (const link of document.querySelectorAll("h1 a, .up a, .dir a")) link.search = order;
    const address = new URL(location);
    for (const name of ["sort", "order"]) {
      filter.form.elements[name]?.remove();
      address.searchParams.delete(name);
    }
    for (const [name, value] of new URLSearchParams(order)) {
      address.searchParams.set(name, value);
      const field = document.createElement("input");
      Object.assign(field, { type: "hidden", name, value });
      filter.form.append(field);
    }
    history.replaceState(null, "", address);
  };
  const buttons = heads.map((head) => head.querySelector("button"));
  heads.forEach((head, column) => buttons[column].addEventListener("click", (event) => {
    event.preventDefault();
    const sorted = head.getAttribute("aria-sort");
    // The largest and the newest come first.
    sort(column, sorted ? sorted === "ascending" : column > 0);
  }));

  const shown = () => rows.filter(({ row }) => !row.hidden);
  const apply = () => {
    const wanted = filter.value.toLowerCase();
    if (!wanted.includes(asked)) return filter.form.submit();
    for (const entry of rows) entry.row.hidden = !entry.lower.includes(wanted);
    count.textContent = wanted === asked ? total : `${shown().length} of ${rows.length}`;
  };
  filter.addEventListener("input", apply);
  filter.form.addEventListener("submit", (event) => {
    event.preventDefault();
    shown()[0]?.link.click();
  });
  if (filter.value) {
    filter.setSelectionRange(filter.value.length, filter.value.length);
    apply();
  }

  // "/" goes to the filter, the arrows from link to link, Escape back to everything.
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "/" && document.activeElement !== filter) {
      event.preventDefault();
      filter.select();
    } else if (event.key === "Escape" && filter.value) {
      filter.value = "";
      apply();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const links = shown().map(({ link }) => link);
      const at = links.indexOf(document.activeElement);
      const next = event.key === "ArrowDown" ? at + 1 : at - 1;
      if (next < 0 && at < 0) return;
      event.preventDefault();
      (next < 0 ? filter : links[Math.min(next, links.length - 1)])?.focus();
    }
  });
}
