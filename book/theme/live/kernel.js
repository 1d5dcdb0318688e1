// A kernel on a Jupyter server, over the server's REST interface and one WebSocket with messages in
// JSON: https://jupyter-client.readthedocs.io/en/stable/messaging.html
//
// The client is our own because the book needs few of the protocol's messages: this file weighs 3 KB
// compressed, and all of `live/` less than 15 KB. Of the maintained libraries, thebe weighs about
// 400 KB and asks another host for MathJax even if told not to. @jupyterlab/services weighs 44 KB,
// and neither edits cells nor shows outputs.
//
// A token goes with every request, in its address or, to a hub, in a header: cookies are never
// used, so that no other site can ask in the reader's name.

// What went wrong, by its name in the catalogue of words.
export class Problem extends Error {
  constructor(name, values = {}) {
    super(name);
    Object.assign(this, { name, values });
  }
}

const unique = () => [...crypto.getRandomValues(new Uint32Array(4))].join("-"); // also without https

export class Server {
  // header: whether REST requests carry the token in a header, which a hub asks for.
  constructor({ base, token, header = false }) {
    Object.assign(this, { base: base.replace(/\/?$/, "/"), token, header });
  }

  address(path, inAddress = true) {
    const url = new URL(path, this.base);
    if (inAddress) url.searchParams.set("token", this.token);
    return url;
  }

  // What the server answers. A POST with plain text asks the browser for no permission beforehand.
  async ask(path, method = "GET", options = {}) {
    const headers = this.header ? { Authorization: `token ${this.token}` } : {};
    const url = this.address(path, !this.header);
    const reply = await fetch(url, { method, headers, credentials: "omit", ...options }).catch(() => null);
    if (!reply) {
      // The server may be there, and answer this site nothing.
      const there = await fetch(new URL("api", this.base), { mode: "no-cors", credentials: "omit" }).catch(() => null);
      throw new Problem(there ? "refused" : "unreachable", { server: this.base });
    }
    if ([401, 403].includes(reply.status)) throw new Problem("refused", { server: this.base });
    if (!reply.ok) throw new Problem("answers", { server: this.base, status: `${reply.status} ${reply.statusText}` });
    return reply.status === 204 ? null : reply.json();
  }

  check() {
    return this.ask("api/status");
  }
}

export class Kernel {
  // Starts a kernel. `lost(problem, again)` is called when it died, and whether it runs again; or
  // when its server is gone.
  static async start(server, lost) {
    const kernel = new Kernel();
    const { id } = await server.ask("api/kernels", "POST", { body: "{}" });
    Object.assign(kernel, { server, lost, path: `api/kernels/${id}`, waiting: new Map() });
    await kernel.connect();
    return kernel;
  }

  // Opens the WebSocket, also again: one that was open while the kernel restarted can miss the first
  // messages of the new process. The server reads a new one only once the kernel answers on it.
  connect() {
    this.disconnect();
    this.session = unique();
    const url = this.server.address(`${this.path}/channels`);
    url.protocol = url.protocol.replace("http", "ws");
    url.searchParams.set("session_id", this.session);
    this.socket = new WebSocket(url);
    this.socket.onmessage = ({ data }) => typeof data === "string" && this.take(JSON.parse(data));
    this.connected = new Promise((resolve, reject) => {
      this.abandon = reject;
      this.socket.onopen = resolve;
      this.socket.onclose = () => {
        const problem = new Problem("gone", { server: this.server.base });
        reject(problem);
        this.lose(problem);
      };
    });
    this.connected.catch(() => {}); // whoever waits for it is told
    return this.connected;
  }

  disconnect() {
    if (!this.socket) return;
    this.socket.onmessage = this.socket.onclose = null;
    this.socket.close();
    this.abandon(new Problem("restarted"));
  }

  lose(problem, again = false) {
    this.fail(problem);
    this.lost(problem, again);
  }

  fail(problem) {
    for (const { reject } of this.waiting.values()) reject(problem);
    this.waiting.clear();
  }

  take({ header, parent_header, content, channel }) {
    const type = header.msg_type;
    const state = type === "status" && content.execution_state;
    if (state === "dead") this.socket.close();
    else if (state === "restarting" && !this.restarting) {
      this.lose(new Problem("died"), true);
      this.connect();
    }
    const request = this.waiting.get(parent_header.msg_id);
    if (!request) return;
    if (type === "input_request") {
      request.input(content, (value) => this.send("input_reply", { status: "ok", value }, "stdin"));
    } else if (channel === "iopub") {
      if (state) request.idle ||= state === "idle";
      else request.output(type, content);
    } else if (type === "execute_reply") request.reply = content;
    if (!request.idle || !request.reply) return;
    this.waiting.delete(parent_header.msg_id);
    request.resolve(request.reply);
  }

  send(msg_type, content, channel) {
    const header = { msg_id: unique(), session: this.session, username: "", date: new Date().toISOString(), msg_type, version: "5.3" };
    this.socket.send(JSON.stringify({ header, parent_header: {}, metadata: {}, content, channel, buffers: [] }));
    return header.msg_id;
  }

  // Runs code and resolves to the kernel's reply. `output(type, content)` gets each output;
  // `input(content, answer)` is asked for a line that the code reads. The set-up runs silently.
  async execute(code, output = () => {}, input = null) {
    const shown = input !== null;
    await this.connected;
    return new Promise((resolve, reject) => {
      if (this.socket.readyState !== WebSocket.OPEN) return reject(new Problem("gone", { server: this.server.base }));
      const content = { code, silent: false, store_history: shown, allow_stdin: shown, stop_on_error: false, user_expressions: {} };
      this.waiting.set(this.send("execute_request", content, "shell"), { output, input, resolve, reject });
    });
  }

  interrupt() {
    return this.server.ask(`${this.path}/interrupt`, "POST");
  }

  async restart() {
    this.restarting = true;
    this.fail(new Problem("restarted"));
    await this.server.ask(`${this.path}/restart`, "POST").finally(() => (this.restarting = false));
    await this.connect();
  }

  // Ends it, also when the page is left at this moment. If that fails, the server ends it later.
  end() {
    this.fail(new Problem("restarted"));
    const ended = this.server.ask(this.path, "DELETE", { keepalive: true }).catch(() => {});
    this.disconnect();
    return ended;
  }
}
