"use strict";
// The framework that is shown, side by side, folds in print. CSS does the showing: this script
// only sets attributes of <html>, which the script in the page's head has set before.
(() => {
  const root = document.documentElement;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const HEADER = 64;

  function store(key, value) {
    try {
      localStorage.setItem(key, value);
      return location.protocol !== "file:"; // where some browsers give each file its own storage
    } catch {
      return false;
    }
  }

  // -- the framework ---------------------------------------------------------------------------

  let kept = true;

  function show(framework, near) {
    const before = near && near.getBoundingClientRect().top;
    const standard = all("input[name=framework]")[0]?.value ?? framework;
    root.dataset.framework = framework;
    all(`.editions > label[data-sync-id="${framework}"]`).forEach((label) => {
      document.getElementById(label.htmlFor).checked = true;
    });
    all("input[name=framework]").forEach((input) => (input.checked = input.value === framework));
    kept = store("sphinx-design-tab-id-framework", framework);
    const url = new URL(location);
    if (framework !== standard || url.searchParams.has("framework")) {
      url.searchParams.set("framework", framework);
      try {
        if (url.href !== location.href) history.replaceState(history.state, "", url);
      } catch {} // not everywhere for files
    }
    if (near) scrollBy({ top: near.getBoundingClientRect().top - before, behavior: "instant" });
    stops();
  }

  // What the reader is looking at must not move when panels above it change their height.
  const looking = () =>
    all("article section > *").find((element) => {
      const box = element.getBoundingClientRect();
      return element.localName !== "section" && box.height > 0 && box.bottom > HEADER;
    });

  document.addEventListener("change", ({ target }) => {
    if (target.name === "framework") show(target.value, looking());
    const label = target.matches(".editions > input") && target.nextElementSibling;
    if (label) show(label.dataset.syncId, label);
  });

  // Where nothing can be stored, the choice travels with the links.
  document.addEventListener("click", ({ target }) => {
    const link = target.closest?.("a[href]");
    if (kept || !link || link.protocol !== location.protocol || link.host !== location.host) return;
    if (link.pathname === location.pathname || !link.pathname.endsWith(".html")) return;
    const url = new URL(link.href);
    url.searchParams.set("framework", root.dataset.framework);
    link.href = url.href;
  });

  // An address may name something in a panel or a fold: open what it lies in.
  function reveal() {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    const label = target.closest(".sd-tab-content")?.previousElementSibling;
    const hidden = label?.dataset.syncId && label.dataset.syncId !== root.dataset.framework;
    if (hidden) show(label.dataset.syncId);
    const folds = all("details").filter((fold) => fold.contains(target) && !fold.open);
    folds.forEach((fold) => (fold.open = true));
    if (hidden || folds.length) target.scrollIntoView();
  }

  // A word that was searched for may occur in the other framework's panels alone: show those.
  function found() {
    const places = {};
    for (const hit of all("article .highlighted")) {
      const panel = hit.closest(".editions > .sd-tab-content");
      const framework = panel?.previousElementSibling.dataset.syncId ?? "";
      (places[hit.textContent.toLowerCase()] ??= new Set()).add(framework);
    }
    const only = Object.values(places).find(
      (where) => where.size === 1 && !where.has("") && !where.has(root.dataset.framework),
    );
    if (only) show([...only][0]);
  }

  // -- side by side ------------------------------------------------------------------------------

  const side = document.querySelector(".side-switch");

  function sideBySide(on) {
    const near = looking();
    const before = near && near.getBoundingClientRect().top;
    if (on) root.dataset.side = "on";
    else delete root.dataset.side;
    side.setAttribute("aria-pressed", on);
    if (near) scrollBy({ top: near.getBoundingClientRect().top - before, behavior: "instant" });
    stops();
  }

  side?.addEventListener("click", () => {
    const on = root.dataset.side !== "on";
    store("editions-side", on ? "on" : "off");
    sideBySide(on);
  });

  // -- keyboard: what scrolls can be focused ------------------------------------------------------

  function stops() {
    const scrolling = ".output, article pre, .katex-display, .pst-scrollable-table-container, .math";
    for (const element of all(scrolling)) {
      if (element.scrollWidth > element.clientWidth + 1 && element.clientWidth) {
        element.tabIndex = 0;
      } else if (element.tabIndex === 0) {
        element.removeAttribute("tabindex");
      }
    }
  }

  document.addEventListener("toggle", stops, true);
  addEventListener("resize", stops);

  // -- print: folds open --------------------------------------------------------------------------

  let opened = [];
  addEventListener("beforeprint", () => {
    opened = all("article details:not([open])");
    opened.forEach((fold) => (fold.open = true));
  });
  addEventListener("afterprint", () => opened.forEach((fold) => (fold.open = false)));

  // -- start --------------------------------------------------------------------------------------

  show(root.dataset.framework);
  if (side) side.setAttribute("aria-pressed", root.dataset.side === "on");
  reveal();
  found();
  addEventListener("hashchange", reveal);
  addEventListener("load", stops);
  addEventListener("pageshow", ({ persisted }) => {
    if (!persisted) return; // a page that comes back from the browser's memory
    try {
      show(localStorage.getItem("sphinx-design-tab-id-framework") || root.dataset.framework);
    } catch {}
  });
})();
