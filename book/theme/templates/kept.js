  // What this browser keeps: the reader's answers, and what was read.
  const ANSWERS = "editions-answers";
  function load(key) {
    try {
      return JSON.parse(localStorage[key] || "{}");
    } catch {
      return {};
    }
  }
  function store(key, value) {
    try {
      localStorage[key] = JSON.stringify(value);
    } catch {} // a full storage: the page works, and forgets
  }
