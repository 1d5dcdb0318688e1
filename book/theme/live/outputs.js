// What a kernel sends, as the book shows it.
//
// Who gets a script to run in the page gets the token with it, and so the reader's machine. Outputs
// show data that the reader may have from elsewhere. So HTML is rebuilt from a list of elements,
// attributes and styles that are known to be harmless: no scripts, no frames, no forms, nothing that
// the browser fetches, nothing that lies over the page. Drawings are shown as pictures, in which
// scripts do not run. JavaScript and widgets are not run: their text is shown.
import { captions, make } from "./book.js";

const TAGS = new Set(
  ("a b blockquote br caption code col colgroup dd del details div dl dt em figcaption figure h1 h2 h3 h4 h5 h6 hr i " +
    "img ins kbd li mark meter ol p pre progress q s samp small span strong sub summary sup table tbody td tfoot th " +
    "thead time tr u ul var").split(" "),
);
const DROPPED = new Set("script style iframe object embed template svg math form input textarea select button title".split(" "));
const ATTRIBUTES = new Set("align alt colspan dir headers height lang max open role rowspan scope span title value width".split(" "));
const STYLES = /^(background-color|border|color|font|height|line-height|list-style|max-width|min-width|overflow|padding|text-(align|decoration)|vertical-align|white-space|width)/;

// A copy of `from` with what is harmless in it.
function harmless(from) {
  const copy = document.createDocumentFragment();
  for (const node of from.childNodes) {
    if (node.nodeType === Node.TEXT_NODE) copy.append(node.data);
    const tag = node.localName;
    if (node.nodeType !== Node.ELEMENT_NODE || DROPPED.has(tag)) continue;
    const inner = harmless(node);
    if (!TAGS.has(tag)) {
      copy.append(inner);
      continue;
    }
    const element = document.createElement(tag);
    for (const { name, value } of node.attributes) {
      if (name === "role" ? value === "status" : ATTRIBUTES.has(name)) element.setAttribute(name, value);
    }
    for (const name of node.style ?? []) {
      const value = node.style.getPropertyValue(name);
      if (STYLES.test(name) && value !== "initial" && !value.includes("url(")) element.style.setProperty(name, value);
    }
    if (tag === "img" && /^data:image\//.test(node.getAttribute("src"))) element.src = node.getAttribute("src");
    if (tag === "a" && /^https?:$/.test(node.protocol) && node.hasAttribute("href")) {
      Object.assign(element, { href: node.href, target: "_blank", rel: "noopener noreferrer" });
    }
    element.append(inner);
    copy.append(element);
  }
  return copy;
}

const parsed = (html) => harmless(new DOMParser().parseFromString(html, "text/html").body);

// Text with carriage returns carried out, and without the control codes of terminals but colours.
const settled = (text) =>
  text
    .replace(/\r+\n/g, "\n")
    .replace(/[\x07\x08]|\x1b\[[\d;?]*[A-Za-ln-z]|\x1b\][^\x07]*\x07/g, "")
    .split("\n")
    .map((line) => (line.includes("\r") ? line.split("\r").filter(Boolean).pop() ?? "" : line))
    .join("\n");

// Text with the colours of terminals, as elements.
export function coloured(text) {
  const into = document.createDocumentFragment();
  let bold = false;
  let colour = null;
  for (const [, codes, plain] of text.matchAll(/(?:\x1b\[([\d;]*)m)?((?:(?!\x1b\[[\d;]*m)[^])*)/g)) {
    const numbers = codes === undefined ? [] : codes.split(";").map(Number);
    for (let i = 0; i < numbers.length; i++) {
      const n = numbers[i];
      if (n === 0) [bold, colour] = [false, null];
      else if (n === 1) bold = true;
      else if (n === 22) bold = false;
      else if (n >= 30 && n < 38) colour = n - 30;
      else if (n >= 90 && n < 98) colour = n - 90;
      else if (n === 39) colour = null;
      else if (n === 38 || n === 48) {
        const [kind, index] = numbers.slice(i + 1);
        if (n === 38) colour = kind === 5 && index < 16 ? index % 8 : null;
        i += kind === 5 ? 2 : 4;
      }
    }
    if (!plain) continue;
    const names = [bold && "live-bold", colour !== null && `live-colour-${colour}`].filter(Boolean);
    into.append(names.length ? make("span", { className: names.join(" ") }, plain) : plain);
  }
  return into;
}

const LONGEST = 100000; // characters of a stream that are shown: its end

export class Outputs {
  // root: the place; displays: the boxes that the kernel may update, by id; alt: of the drawing.
  constructor(root, displays, alt) {
    Object.assign(this, { root, displays, alt, stream: null, late: null, clearing: false });
  }

  take(type, content) {
    if (type === "clear_output" && content.wait) this.clearing = true;
    else if (type === "clear_output") this.clear();
    else if (type === "update_display_data") this.update(content);
    else if (type !== "execute_input") {
      if (this.clearing) this.clear();
      if (type === "stream") this.write(content);
      else if (type === "error") this.text(this.box("error"), content.traceback.join("\n"));
      else if (content.data) this.display(content);
    }
  }

  clear() {
    this.root.replaceChildren();
    this.stream = null;
    this.clearing = false;
  }

  // A new place for an output; what is late in the one above is drawn first.
  box(kind) {
    this.finish();
    this.stream = null;
    const box = make("div", { className: `output ${kind}` });
    this.root.append(box);
    return box;
  }

  text(box, text) {
    box.classList.add("highlight-myst-ansi", "notranslate");
    box.replaceChildren(make("div", { className: "highlight" }, make("pre", {}, coloured(settled(text)))));
  }

  // Streams are drawn at most every 50 ms, however often the code prints.
  write({ name, text }) {
    const kind = name === "stderr" ? "stderr" : "stream";
    if (this.stream?.name !== name) this.stream = { box: this.box(kind), name, text: "" };
    this.stream.text += text;
    if (this.stream.text.length > 2 * LONGEST) this.stream.text = `…${this.stream.text.slice(-LONGEST)}`;
    this.late ??= setTimeout(() => this.finish(), 50);
  }

  // Draws what is late.
  finish() {
    clearTimeout(this.late);
    if (this.late && this.stream) this.text(this.stream.box, this.stream.text);
    this.late = null;
  }

  display(content) {
    const box = this.box("");
    const id = content.transient?.display_id;
    if (id) this.displays.set(id, [...(this.displays.get(id) ?? []), box]);
    this.fill(box, content.data);
  }

  update({ transient, data }) {
    for (const box of this.displays.get(transient.display_id) ?? []) this.fill(box, data);
  }

  fill(box, data) {
    const svg = data["image/svg+xml"];
    const pixels = ["image/png", "image/jpeg"].find((type) => data[type]);
    box.className = "output";
    if (data["text/html"]) {
      box.classList.add("text_html");
      box.replaceChildren(parsed(data["text/html"]));
    } else if (svg) this.picture(box, `data:image/svg+xml,${encodeURIComponent(svg)}#.svg`, data); // dark like a file.svg
    else if (pixels) this.picture(box, `data:${pixels};base64,${data[pixels]}`, data);
    else {
      box.classList.add("text_plain");
      this.text(box, data["text/plain"] ?? "");
    }
  }

  picture(box, src, data) {
    box.replaceChildren(make("img", { src, alt: this.alt || data["text/plain"] || "" }));
  }
}

// The strokes of a drawing, rounded to whole points; null for other pictures.
async function strokes(image) {
  if (!image.src.includes(".svg")) return null;
  const text = await fetch(image.src).then((reply) => reply.text());
  const drawn = [...text.matchAll(/\s(?:d|x|y|transform)="([^"]*)"/g)].map((match) => match[1]);
  return drawn.map((one) => (one.match(/-?\d+\.?\d*/g) ?? []).map(Math.round).join(" ")).join(";");
}

// The pictures of an output, which may itself be one.
export const pictures = (box) => (box.matches("img") ? [box] : [...box.querySelectorAll("img")]);

// What an output says, to compare it with another one.
async function said(boxes) {
  const text = boxes.map((box) => box.textContent.trimEnd()).join("\n");
  const images = boxes.flatMap(pictures);
  const drawn = await Promise.all(images.map(strokes));
  return JSON.stringify([text.replace(/[ \t]+$/gm, "").trim(), drawn]);
}

// Whether an output is one of those recorded: where the CPU's and the GPU's differ, each has a caption.
export async function isRecorded(live, recorded) {
  const groups = [[]];
  for (const box of recorded) {
    if (captions.includes(box.textContent.trim())) groups.push([]);
    else groups.at(-1).push(box);
  }
  const then = await Promise.all((groups.length > 1 ? groups.slice(1) : groups).map(said));
  return then.includes(await said(live));
}
