  // What this browser keeps of this book: the reader's answers, and what was read. Another book on the
  // same host has another path.
  const home = new URL(document.documentElement.dataset.content_root ?? ".", location).pathname;
  const [ANSWERS, READ] = ["editions-answers", "editions-read"].map((old) => {
    const key = `${old} ${home}`;
    try {
      if (old in localStorage) localStorage[key] ??= localStorage[old]; // kept without a path
      delete localStorage[old];
    } catch {}
    return key;
  });
  const pageName = (path) => path.split("/").pop().replace(/\.html$/, "") || "index";
  const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
  const isAnswer = (one) => isObject(one) && ["how", "page", "when"].every((part) => typeof one[part] === "string");
  function load(key) {
    try {
      const kept = JSON.parse(localStorage[key] ?? "{}");
      if (!isObject(kept)) return {};
      if (key !== ANSWERS) return kept;
      return Object.fromEntries(Object.entries(kept).filter(([, one]) => isAnswer(one)));
    } catch {
      return {};
    }
  }
  function store(key, value) {
    try {
      localStorage[key] = JSON.stringify(value);
    } catch {} // a full storage: the page works, and forgets
  }
