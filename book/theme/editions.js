"use strict";
// The styles follow attributes of <html>: the page's head sets them, this script changes them.
(() => {
  const root = document.documentElement;
  const KEY = "sphinx-design-tab-id-framework";
  const all = (selector) => [...document.querySelectorAll(selector)];
  const side = document.querySelector(".side-switch");
  let kept = true; // whether the browser keeps the choice from page to page
  const src = document.currentScript.src;

  // An address may end with the Jupyter server that is to run the cells, and its token. The page's
  // own server is kept for this tab; another one in memory, and in links inside the book.
  const LIVE = "editions-live";
  const book = new URL(root.dataset.content_root ?? ".", location);
  let server = ""; // another one
  let tab = {};
  try {
    tab = sessionStorage;
  } catch {} // kept out
  function keep(address) {
    if (!address.startsWith(`${location.origin}/`) || !store(LIVE, address, tab)) server = address;
  }
  const [, given, anchor] = location.hash.match(/^#live=([^#]+)(.*)/) ?? [];
  if (given) {
    history.replaceState(history.state, "", `${location.pathname}${location.search}${anchor}`);
    keep(given);
  }
  const starts = location.protocol === "file:" ? [] : all(".live-start"); // files load no modules
  const live = () =>
    import(new URL("live/live.js", src)).then(
      ({ start }) => start(starts, server || tab[LIVE], keep),
      () => starts.forEach((button) => (button.textContent = button.dataset.missing)));
  for (const button of starts) {
    button.hidden = false;
    button.addEventListener("click", live);
  }
  if (server && starts.length) live();

  function store(key, value, where = localStorage) {
    try {
      where.setItem(key, value);
      return where[key] === value && location.protocol !== "file:"; // a storage for each file
    } catch {
      return false;
    }
  }

  // Keep in place what the reader looks at while panels above it change their height.
  function still(change, at) {
    at ??= all("article section > :not(section)").find((element) => {
      const box = element.getBoundingClientRect();
      return box.height && box.bottom > 64;
    });
    const top = at?.getBoundingClientRect().top;
    change();
    if (at) scrollBy({ top: at.getBoundingClientRect().top - top, behavior: "instant" });
    stops();
  }

  function show(framework) {
    root.dataset.framework = framework;
    for (const label of all(`.editions > label[data-sync-id="${framework}"]`)) label.control.checked = true;
    const choices = all("input[name=framework]");
    for (const input of choices) input.checked = input.value === framework;
    kept = store(KEY, framework);
    const url = new URL(location);
    if (url.searchParams.has("framework") || framework !== choices[0]?.value) {
      url.searchParams.set("framework", framework);
      try {
        if (url.href !== location.href) history.replaceState(history.state, "", url);
      } catch {} // a file, in some browsers
    }
  }

  document.addEventListener("change", ({ target }) => {
    const label = target.matches(".editions > input") && target.nextElementSibling;
    if (label) still(() => show(label.dataset.syncId), label);
    else if (target.name === "framework") still(() => show(target.value));
  });

  side?.addEventListener("click", () => {
    const on = root.dataset.side ? "" : "on";
    store("editions-side", on);
    still(() => (on ? (root.dataset.side = on) : delete root.dataset.side));
    side.ariaPressed = on !== "";
  });

  // If nothing is kept, links carry the choice; those inside the book also carry a server.
  document.addEventListener("click", ({ target }) => {
    const link = (server || !kept) && target.closest?.("a[href]");
    if (!link || link.origin !== location.origin || link.pathname === location.pathname) return;
    if (!link.pathname.endsWith(".html")) return;
    if (server && link.href.startsWith(book)) link.hash = `live=${server}${link.hash}`;
    if (kept) return;
    const url = new URL(link.href);
    url.searchParams.set("framework", root.dataset.framework);
    link.href = url;
  });

  const home = (element) => // the framework of its panel
    element.closest(".editions > .sd-tab-content")?.previousElementSibling.dataset.syncId ?? "";

  // Open the panel and the folds around the element that the address names.
  function reveal() {
    const target = document.getElementById(location.hash.slice(1));
    if (!target) return;
    if (target.matches(".moved")) {
      const now = new URL(target.lastElementChild.href);
      now.search = location.search;
      location.replace(now);
    }
    if (home(target)) show(home(target));
    for (const fold of all("details")) fold.open ||= fold.contains(target);
    target.scrollIntoView();
  }

  // If no shown panel has a word that was searched for, show one that has it.
  function found() {
    const homes = {};
    for (const hit of all("article .highlighted")) {
      (homes[hit.textContent.toLowerCase()] ??= new Set()).add(home(hit));
    }
    const count = all("input[name=framework]").length;
    const some = Object.values(homes).find((where) => where.size < count && !where.has(""));
    if (some && !some.has(root.dataset.framework)) show([...some][0]);
  }

  // Boxes that scroll can be reached by keyboard.
  function stops() {
    for (const box of all("article :is(pre, .output, .math, .drawing, .pst-scrollable-table-container)")) {
      if (box.clientWidth && box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  }

  // On a phone a table that does not fit shows each row as a list, with the head's words as labels.
  function stack() {
    for (const box of all("article .pst-scrollable-table-container")) {
      const table = box.querySelector(":scope > table:has(thead)");
      if (!table || box.closest(".cell_output")) continue;
      table.classList.remove("stacked");
      if (innerWidth > 767 || box.scrollWidth <= box.clientWidth) continue;
      const labels = [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());
      for (const row of table.tBodies[0].rows) {
        for (const [i, cell] of [...row.cells].entries()) cell.dataset.label = i ? labels[i] : "";
      }
      table.classList.add("stacked");
    }
    stops();
  }

  let folded = [];
  let theme;
  addEventListener("beforeprint", () => {
    theme = root.dataset.theme;
    root.dataset.theme = "light";
    folded = all("article details:not([open])");
    for (const fold of folded) fold.open = true;
  });
  addEventListener("afterprint", () => {
    root.dataset.theme = theme;
    for (const fold of folded) fold.open = false;
  });
  document.addEventListener("toggle", stops, true);
  addEventListener("resize", stack);
  addEventListener("load", stack);
  addEventListener("hashchange", reveal);
  addEventListener("pageshow", ({ persisted }) => {
    // Back again.
    if (persisted && kept) document.querySelector(`[value="${localStorage[KEY]}"]`)?.click();
  });

  show(root.dataset.framework);
  if (side) side.ariaPressed = Boolean(root.dataset.side);
  if (location.hash) reveal();
  else setTimeout(found, 20); // Sphinx marks the words after 10 ms
})();
