// Loaded when a reader wants to run a page's cells: asks where, and makes them editable.
//
// Pages talk only to programs on the reader's machine, to the server that sent them, and to the hubs
// that the book's settings name: a link that somebody sends cannot make a page talk to another one.
// No cell runs before the reader says so.
import { make, say, servers } from "./book.js";
import { Page } from "./cells.js";
import { Problem, Server } from "./kernel.js";

const LOCAL = ["127.0.0.1", "localhost", "[::1]"];
let begun = false;

// buttons: those of the page; known: a server's address with its token; keep(address): remembers it.
export async function start(buttons, known, keep) {
  if (begun) return document.querySelector(":is(.live-panel, .live-bar) :is(button, input)")?.focus();
  begun = true;
  const styles = make("link", { rel: "stylesheet", href: new URL("live.css", import.meta.url) });
  await new Promise((done) => {
    styles.onload = styles.onerror = done;
    document.head.append(styles);
  });
  const panel = new Panel(buttons, keep);
  if (known) await panel.connect(() => named(known));
  else panel.focus();
}

// The server at an address such as http://127.0.0.1:8888/lab?token=abc.
function named(address) {
  let url;
  try {
    url = new URL(address.trim());
  } catch {
    throw new Problem("no_address");
  }
  const hub = servers.jupyterhub && url.href.startsWith(`${servers.jupyterhub}/`);
  if (!hub && !LOCAL.includes(url.hostname) && url.origin !== location.origin) throw new Problem("foreign", { server: url.origin });
  const token = url.searchParams.get("token");
  if (!token) throw new Problem("no_token");
  const path = url.pathname.replace(/\/(lab|tree|notebooks|static)(\/.*)?$/, "/");
  return { server: new Server({ base: url.origin + path, token, header: Boolean(hub) }), address: url.href };
}

// A server that BinderHub starts for the book's repository; `told` gets what it does meanwhile.
function fromBinder(told) {
  return new Promise((resolve, reject) => {
    const events = new EventSource(servers.binder);
    const fail = (reason) => {
      events.close();
      reject(new Problem("binder_failed", { reason }));
    };
    events.onerror = () => fail(say("binder_silent", { hub: new URL(servers.binder).host }));
    events.onmessage = ({ data }) => {
      const { phase, message, url, token } = JSON.parse(data);
      const text = message?.trim();
      // repo2docker names no phase in some events; a build that fails ends in an event without words
      if (phase === "failed") fail(text || say("binder_no_reason"));
      else if (phase !== "ready") told(phase && text ? say("binder_phase", { phase, message: text }) : text || phase);
      else {
        events.close();
        resolve({ server: new Server({ base: url, token }) });
      }
    };
  });
}

const line = (...parts) => make("p", {}, ...parts);
const field = (words, properties) => make("label", {}, make("span", {}, words), make("input", { required: true, autocomplete: "off", ...properties }));
const submit = (words) => make("button", { type: "submit" }, words);

// Where the cells are to run.
class Panel {
  constructor(buttons, keep) {
    Object.assign(this, { buttons, keep });
    this.status = make("p", { className: "live-status", role: "status" });
    const close = make("button", { type: "button" }, say("close"));
    close.addEventListener("click", () => this.close());
    this.root = make("div", { className: "live-panel", role: "group", ariaLabel: say("panel") }, ...this.forms(), this.status, close);
    this.root.addEventListener("keydown", ({ key }) => key === "Escape" && this.close());
    (document.querySelector(".chapter-header") ?? document.querySelector("article h1")).after(this.root);
  }

  *forms() {
    const command = `python -m d2lcompute live ${location.href.split("#")[0]}`;
    const hint = location.protocol === "https:" ? [line(say("permission"))] : [];
    yield this.form(
      (data) => named(data.get("address")),
      line(make("strong", {}, say("own"))),
      line(say("own_how")),
      make("pre", { tabIndex: 0 }, make("code", {}, command)),
      ...hint,
      field(say("own_address"), { name: "address", placeholder: "http://127.0.0.1:8888/?token=…", size: 34 }),
      submit(say("connect")),
    );
    if (servers.jupyterhub) {
      const hub = new URL(servers.jupyterhub).host;
      const tokens = make("a", { href: `${servers.jupyterhub}/hub/token`, target: "_blank", rel: "noopener" }, say("hub_tokens", { hub }));
      yield this.form(
        (data) => {
          const url = new URL(`${servers.jupyterhub}/user/${encodeURIComponent(data.get("user"))}/`);
          url.searchParams.set("token", data.get("token").trim());
          return named(url.href);
        },
        line(make("strong", {}, say("hub", { hub }))),
        line(say("hub_how"), " ", tokens),
        field(say("hub_user"), { name: "user" }),
        field(say("hub_token"), { name: "token", type: "password" }),
        submit(say("connect")),
      );
    }
    if (servers.binder) {
      const hub = new URL(servers.binder).host;
      yield this.form(
        () => fromBinder((text) => this.say(text)),
        line(make("strong", {}, say("binder", { hub }))),
        line(say("binder_how")),
        submit(say("binder_start")),
      );
    }
  }

  form(found, ...parts) {
    const form = make("form", {}, ...parts);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.connect(() => found(new FormData(form)));
    });
    return form;
  }

  focus() {
    this.root.querySelector("input, button").focus();
  }

  say(text, bad = false) {
    this.status.textContent = text;
    this.status.classList.toggle("bad", bad);
  }

  close() {
    begun = false;
    this.root.remove();
    this.buttons.find((button) => button.checkVisibility())?.focus();
  }

  async connect(found) {
    this.say(say("connecting"));
    try {
      const { server, address } = await found();
      await server.check();
      if (address) this.keep(address);
      this.root.replaceWith(makeBar(this.buttons, server));
      for (const button of this.buttons) button.hidden = true;
      document.querySelector(".live-bar button").focus();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      this.say(say(problem.name, problem.values), true);
      this.focus();
    }
  }
}

// What one does with all cells of the page.
function makeBar(buttons, server) {
  const status = make("p", { className: "live-status", role: "status" }, say("ready", { server: server.base }));
  const page = new Page(buttons, server, (text, bad = false) => {
    status.textContent = text;
    status.classList.toggle("bad", bad);
  });
  page.makeEditable("live-hint");
  const button = (name, act) => {
    const made = make("button", { type: "button", title: say(`${name}_title`) }, say(name));
    made.addEventListener("click", act);
    return made;
  };
  const bar = make(
    "div",
    { className: "live-bar", role: "group", ariaLabel: say("bar") },
    button("run_all", () => page.runAll()),
    button("stop", () => page.stop()),
    button("restart", () => page.restart()),
    button("leave", () => page.end().then(() => location.reload())),
    status,
    make("p", { id: "live-hint" }, say("hint")),
  );
  bar.style.top = `${document.querySelector(".site-header")?.offsetHeight ?? 0}px`; // higher on phones
  return bar;
}
