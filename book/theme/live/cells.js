// The code cells of a page: edited, run in a kernel for each framework, and compared with what was
// recorded.
//
// An output appears where the recorded one stands. So a cell whose output the reader is to predict
// runs like all others, and its output waits in the fold that opens with the reader's answer.
import { frameworks, make, say } from "./book.js";
import { Kernel, Problem } from "./kernel.js";
import { isRecorded, Outputs, pictures } from "./outputs.js";

const keys = Object.keys(frameworks);
const frameworkOf = (element) => keys.find((key) => element.closest(`.for-${key}, .tag_${key}`));
const chosen = () => document.documentElement.dataset.framework ?? keys[0];

class Cell {
  constructor(element, page) {
    this.element = element;
    this.page = page;
    this.framework = frameworkOf(element); // undefined: it belongs to all
    this.pre = element.querySelector(".cell_input pre");
    this.original = this.code();
    this.html = this.pre.innerHTML;
    this.places = {}; // where its output is, by framework
    this.recorded = new Map(); // what was there before it ran, by place
  }

  hasFailed(reply) {
    return reply.status !== "ok" && !this.element.classList.contains("tag_raises-exception");
  }

  // What the reader reads; pasting may leave line breaks that are elements.
  code() {
    const copy = this.pre.cloneNode(true);
    for (const end of copy.querySelectorAll("br")) end.replaceWith("\n");
    return copy.textContent;
  }

  number(key = this.framework ?? chosen()) {
    return this.page.of(key).indexOf(this) + 1;
  }

  // Words about this cell; side by side, each framework has a cell of this number.
  named(name) {
    const words = say(name, { number: this.number() });
    return this.framework && keys.length > 1 ? `${words} (${frameworks[this.framework]})` : words;
  }

  makeEditable(hint) {
    try {
      this.pre.contentEditable = "plaintext-only";
    } catch {
      this.pre.contentEditable = "true"; // browsers of before 2025
    }
    Object.assign(this.pre, { role: "textbox", ariaMultiLine: "true", ariaLabel: this.named("code"), spellcheck: false });
    this.pre.setAttribute("aria-describedby", hint);
    this.pre.addEventListener("keydown", (event) => this.pressed(event));
    this.pre.addEventListener("input", () => (this.undo.hidden = this.code() === this.original));
    const button = (name, act) => {
      const made = make("button", { type: "button", textContent: say(name), ariaLabel: this.named(`${name}_cell`) });
      made.addEventListener("click", act);
      return made;
    };
    this.go = button("run", () => this.page.run(this));
    this.halt = button("stop", () => this.page.stop(this.home));
    this.undo = button("undo", () => this.reset());
    this.undo.hidden = this.halt.hidden = true;
    this.state = make("span");
    const bar = make("div", { className: "live-cell" }, this.go, this.halt, this.undo, this.state);
    this.element.querySelector(".cell_input").after(bar);
  }

  pressed(event) {
    if (event.key !== "Enter") return;
    if (event.ctrlKey || event.metaKey || event.shiftKey) {
      event.preventDefault();
      this.page.run(this);
      if (event.shiftKey) this.page.after(this)?.pre.focus();
    } else if (getSelection().isCollapsed) {
      event.preventDefault(); // a new line begins below the one above
      const range = getSelection().getRangeAt(0).cloneRange();
      range.setStart(this.pre, 0);
      const line = range.toString().split("\n").pop();
      document.execCommand("insertText", false, `\n${line.match(/^ */)[0]}${/:\s*$/.test(line) ? "    " : ""}`);
    }
  }

  reset() {
    this.pre.innerHTML = this.html;
    this.undo.hidden = true;
    this.go.focus();
  }

  place(key) {
    const element = this.answers?.[key] ?? this.element;
    return (this.places[key] ??= element.querySelector(".cell_output") ?? this.newPlace(element));
  }

  newPlace(element) {
    const place = make("div", { className: "cell_output docutils container" });
    const bar = element.querySelector(".live-cell");
    if (bar) bar.after(place);
    else element.append(place);
    return place;
  }

  isFolded(key) {
    return this.place(key).closest("details:not([open])") !== null && this.element.closest("details:not([open])") === null;
  }

  // Says what became of it; `running` is the framework whose kernel it runs in, or waits for.
  show(state, running = "") {
    this.home = running;
    const focused = [this.go, this.halt].includes(document.activeElement);
    this.element.dataset.live = running ? "running" : "";
    this.go.hidden = Boolean(running);
    this.halt.hidden = !running;
    this.state.textContent = state;
    if (focused) (running ? this.halt : this.go).focus();
    if (!running) dispatchEvent(new Event("resize")); // boxes that scroll now can be reached by keyboard
  }

  begin(key, displays) {
    const place = this.place(key);
    if (!this.recorded.has(place)) this.recorded.set(place, [...place.children]);
    const alt = this.recorded.get(place).flatMap(pictures)[0]?.alt;
    this.note?.remove();
    this.outputs = new Outputs(place, displays, alt);
    this.outputs.clear();
    this.show(say("running"), key);
  }

  // Asks for a line that the code reads.
  ask({ prompt, password }, answer) {
    const field = make("input", { type: password ? "password" : "text", autocomplete: "off" });
    const form = make("form", { className: "live-input" }, make("label", {}, make("span", {}, prompt || say("input")), field), make("button", { type: "submit" }, say("send")));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      form.remove();
      this.outputs.take("stream", { name: "stdout", text: `${prompt}${password ? "" : field.value}\n` });
      answer(field.value);
    });
    this.form = form;
    this.outputs.finish();
    this.outputs.root.after(form);
    field.focus();
  }

  // Compares what came with what was recorded, and says so.
  async end(key, reply) {
    this.outputs.finish();
    this.form?.remove();
    if (this.hasFailed(reply)) {
      this.show(say("failed", { number: reply.execution_count, error: reply.ename ?? reply.status }));
      this.element.dataset.live = "failed";
      for (const fold of this.element.querySelectorAll("details.fold-claim")) fold.open = true;
      return;
    }
    const folded = this.isFolded(key);
    const repeats = !this.element.classList.contains("tag_nbval-ignore-output");
    const recorded = this.recorded.get(this.place(key));
    const same = !repeats || (await isRecorded([...this.place(key).children], recorded));
    if (!same) this.mark(this.place(key), recorded);
    const state = folded ? say("folded") : !repeats ? "" : say(same ? "same" : "differs");
    this.show(`[${reply.execution_count}] ${state}`);
    return state;
  }

  // Puts the recorded output, folded, below the one that differs from it.
  mark(place, recorded) {
    const then = recorded.length ? recorded : [make("p", {}, say("nothing"))];
    this.note = make("details", { className: "live-recorded" }, make("summary", {}, say("recorded")), make("div", { className: "cell_output" }, ...then));
    place.after(this.note);
  }
}

// A kernel of a framework, and which cells have run in it.
class Session {
  constructor(page, key) {
    Object.assign(this, { page, key, done: new Set(), displays: new Map(), kernel: null, ready: null, turn: 0, queue: Promise.resolve() });
  }

  report(name, values, bad) {
    this.page.report(`${frameworks[this.key]}: ${say(name, values)}`, bad);
  }

  prepare() {
    return (this.ready ??= this.setUp().catch((problem) => {
      this.ready = null;
      throw problem;
    }));
  }

  async setUp() {
    this.report("starting");
    this.kernel ??= await Kernel.start(this.page.server, (problem, again) => this.lost(problem, again));
    const reply = await this.kernel.execute(await this.page.hidden(this.key));
    if (reply.status === "error") throw new Problem("setup", { error: `${reply.ename}: ${reply.evalue}` });
  }

  lost(problem, again) {
    if (!again) this.kernel = null;
    this.forget();
    this.report(problem.name, problem.values, true);
  }

  forget() {
    this.turn += 1;
    this.ready = null;
    this.done.clear();
    this.displays.clear();
  }

  // Runs cells one after another; of those above the last one, only what has not run, unless `all`.
  run(cells, all) {
    const turn = this.turn;
    const isNeeded = (cell) => all || cell === cells.at(-1) || !this.done.has(cell);
    for (const cell of cells.filter(isNeeded)) cell.show(say("waiting"), this.key);
    this.queue = this.queue.then(async () => {
      for (const cell of cells) {
        if (turn !== this.turn || !isNeeded(cell)) {
          if (cell.element.dataset.live === "running") cell.show("");
        } else if (!(await this.one(cell))) this.turn += turn === this.turn;
      }
    });
    return this.queue;
  }

  async one(cell) {
    const number = cell.number(this.key);
    this.done.delete(cell);
    cell.begin(this.key, this.displays);
    try {
      await this.prepare();
      this.report("running_cell", { number });
      const reply = await this.kernel.execute(cell.code(), (type, content) => cell.outputs.take(type, content), (content, answer) => cell.ask(content, answer));
      const state = await cell.end(this.key, reply);
      const failed = cell.hasFailed(reply);
      if (failed) this.report("cell_failed", { number, error: reply.ename ?? reply.status }, true);
      else {
        this.done.add(cell);
        this.report("cell_ran", { number, state: state && `: ${state}` });
      }
      return !failed;
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      cell.outputs.finish();
      cell.form?.remove();
      cell.show(say("not_run"));
      this.report(problem.name, problem.values, true);
      return false;
    }
  }

  async stop() {
    this.turn += 1;
    await this.kernel?.interrupt();
  }

  async restart() {
    this.forget();
    if (this.kernel) await this.kernel.restart();
    await this.prepare();
    for (const cell of this.page.of(this.key)) cell.show("");
    this.report("restarted_kernel");
  }
}

export class Page {
  // buttons: those that start it, which name the notebooks; report(text, bad): says what happens.
  constructor(buttons, server, report) {
    Object.assign(this, { server, report });
    this.notebooks = Object.fromEntries(buttons.map((button) => [button.closest("[data-framework]").dataset.framework, button.dataset.notebook]));
    this.sessions = Object.fromEntries(keys.map((key) => [key, new Session(this, key)]));
    const elements = [...document.querySelectorAll("article .cell")];
    this.cells = elements.filter((one) => one.querySelector(".cell_input pre")).map((one) => new Cell(one, this));
    const outputs = elements.filter((one) => !one.querySelector(".cell_input pre"));
    for (const key of keys) this.pair(key, outputs.filter((one) => (frameworkOf(one) ?? key) === key));
    addEventListener("pagehide", () => this.end());
    addEventListener("pageshow", ({ persisted }) => persisted && location.reload()); // its kernels have ended
  }

  // A cell that a question asks about has its outputs in the answer's fold, in the same order.
  pair(key, outputs) {
    const asked = this.of(key).filter(({ element }) => element.matches(".tag_predict:not(:has(.cell_output))"));
    for (const output of outputs) {
      const cell = asked.find((one) => !one.answers?.[key] && one.element.compareDocumentPosition(output) & Node.DOCUMENT_POSITION_FOLLOWING);
      if (cell) cell.answers = { ...cell.answers, [key]: output };
    }
  }

  of(key) {
    return this.cells.filter((cell) => (cell.framework ?? key) === key);
  }

  after(cell) {
    const cells = this.of(cell.framework ?? chosen());
    return cells.slice(cells.indexOf(cell) + 1).find(({ pre }) => pre.checkVisibility());
  }

  makeEditable(hint) {
    for (const cell of this.cells) cell.makeEditable(hint);
  }

  // The code of the hidden set-up cells.
  async hidden(key) {
    const reply = await fetch(this.notebooks[key]);
    const { cells } = await reply.json();
    const hidden = cells.filter(({ metadata }) => metadata.tags?.includes("setup"));
    return hidden.map(({ source }) => [].concat(source).join("")).join("\n");
  }

  run(cell) {
    const key = cell.framework ?? chosen();
    const cells = this.of(key);
    return this.sessions[key].run(cells.slice(0, cells.indexOf(cell) + 1), false);
  }

  async act(work) {
    try {
      await work(this.sessions[chosen()]);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      this.report(say(problem.name, problem.values), true);
    }
  }

  runAll() {
    return this.act((session) => session.run(this.of(session.key), true));
  }

  stop(key = chosen()) {
    return this.act(() => this.sessions[key].stop());
  }

  restart() {
    return this.act((session) => session.restart());
  }

  end() {
    return Promise.all(Object.values(this.sessions).map((session) => session.kernel?.end()));
  }
}
