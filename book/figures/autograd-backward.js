// A backward pass through a graph of five nodes: values first, then one arrow at a time.
import { ACCENT, MUTED, SOFT, arrow, box, text } from "./_drawing.js";

const [WIDTH, HEIGHT] = [340, 206];
const [WIDE, HIGH] = [64, 42]; // a node
const NODES = {
  x: { at: [36, 30], shown: "x" },
  y: { at: [36, 126], shown: "y" },
  a: { at: [146, 126], shown: "a = x · y" },
  b: { at: [188, 30], shown: "b = a + x", aside: 14 }, // its gradient, of the arrow below it
  c: { at: [304, 30], shown: "c = b²" },
};
// Where the local derivative of an arrow is written, from tail to head.
const LABELS = {
  "b c": [246, 22, "middle"], "a b": [178, 92, "start"], "x b": [112, 22, "middle"],
  "x a": [103, 80, "start"], "y a": [90, 118, "middle"],
};

/** Where the line from one node's middle to another's leaves the first box. */
function edge([x, y], [x2, y2]) {
  const [dx, dy] = [x2 - x, y2 - y];
  const part = Math.min((WIDE / 2 + 3) / Math.abs(dx || 1e-9), (HIGH / 2 + 3) / Math.abs(dy || 1e-9));
  return [x + dx * part, y + dy * part];
}

export const controls = ({ steps }) => [{ kind: "steps", name: "step", count: steps.length + 2, start: 4 }];

export function draw({ values, steps }, { step }) {
  const done = steps.slice(0, Math.max(0, step - 1));
  const now = step > 1 ? done.at(-1) : undefined;
  const gradients = step === 0 ? {} : { c: 1, ...Object.fromEntries(done.map(({ tail, gradient }) => [tail, gradient])) };
  const parts = [];
  for (const { tail, head, rule, local } of steps) {
    const used = done.some((one) => one.tail === tail && one.head === head);
    const active = now?.tail === tail && now?.head === head;
    const [from, to] = [edge(NODES[tail].at, NODES[head].at), edge(NODES[head].at, NODES[tail].at)];
    // Forwards an arrow leads to the head; backwards the gradient goes the other way.
    parts.push(active ? arrow(...to, ...from, { stroke: ACCENT, width: 3, head: 10 }) : arrow(...from, ...to, { stroke: MUTED }));
    if (step === 0) continue;
    const [x, y, anchor] = LABELS[`${tail} ${head}`];
    const words = rule === String(local) ? `× ${rule}` : `${rule} = ${local}`;
    const look = active || used ? { fill: ACCENT, "font-weight": active ? 700 : 400 } : { fill: MUTED };
    parts.push(text(x, y, words, { "text-anchor": anchor, "font-size": 11.5, ...look }));
  }
  for (const [name, { at: [x, y], shown, aside = 0 }] of Object.entries(NODES)) {
    const touched = now ? now.tail === name : step === 1 && name === "c";
    parts.push(
      box(x, y, WIDE, HIGH, touched ? { fill: SOFT, stroke: ACCENT, "stroke-width": 2 } : {}),
      text(x, y - 5, shown, { "text-anchor": "middle", "font-size": 11.5, fill: MUTED }),
      text(x, y + 13, values[name], { "text-anchor": "middle", "font-size": 16, "font-weight": 600 }),
    );
    if (name in gradients)
      parts.push(text(x + aside, y + HIGH / 2 + 17, gradients[name], { "text-anchor": "middle", fill: ACCENT, "font-size": 16, "font-weight": 700, ...(touched ? { class: "arrives" } : {}) }));
  }
  parts.push(
    text(8, HEIGHT - 8, values.b, { "font-weight": 600 }),
    text(22, HEIGHT - 8, "value, from the forward pass", { "font-size": 12, fill: MUTED }),
    text(212, HEIGHT - 8, 1, { "font-weight": 700, fill: ACCENT }),
    text(226, HEIGHT - 8, "gradient of c", { "font-size": 12, fill: MUTED }),
  );
  return { size: [WIDTH, HEIGHT], title: "The graph of c = (x · y + x)², with values and gradients", body: parts.join(""), says: said(values, steps, step, now) };
}

function said(values, steps, step, now) {
  if (step === 0) return `The forward pass has computed every value, up to c = ${values.c}.`;
  if (step === 1) return "Begin at the end: the gradient of c with respect to itself is 1.";
  const { tail, head, rule, local, arrived, gradient } = now;
  const incoming = arrived / local;
  const product = `from ${head} back to ${tail}, ${incoming} × ${local} = ${arrived}`;
  const factor = rule === String(local) ? "" : ` (the local derivative is ${rule})`;
  if (gradient !== arrived) return `Two paths meet in ${tail}: ${product}${factor}, added to the ${gradient - arrived} that is there, gives ${gradient}.`;
  const last = step === steps.length + 1 ? " The pass is complete." : "";
  return `Multiply along the arrow: ${product}${factor}.${last}`;
}
