// Parts of drawings, as text. Colours are those of the page; a picture without a page gets the light ones.
export const INK = "var(--ink, #1f2530)";
export const MUTED = "var(--muted, #56606c)";
export const LINE = "var(--line, #dde2e8)";
export const PANEL = "var(--panel, #f6f7f9)";
export const PAGE = "var(--page, #fff)";
export const ACCENT = "var(--accent, #0b5cad)";
export const SOFT = "var(--soft, #e9f1fa)";
export const GOOD = "var(--good, #1a6b35)";
export const GOOD_SOFT = "var(--good-soft, #e8f5ec)";
export const WARN = "var(--warn, #855400)";
export const WARN_SOFT = "var(--warn-soft, #fdf4e3)";
/** Keeps words readable on top of lines. */
export const HALO = { stroke: PAGE, "stroke-width": 4, "stroke-linejoin": "round", "paint-order": "stroke" };

const SPECIAL = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
export const escaped = (text) => String(text).replace(/[&<>"]/g, (one) => SPECIAL[one]);

/** An element: `element("text", { x: 1, y: 2 }, "words")`; what is inside must be escaped. */
export const element = (tag, attributes, ...inside) => {
  const given = Object.entries(attributes).filter(([, value]) => value !== undefined);
  return `<${tag}${given.map(([name, value]) => ` ${name}="${escaped(value)}"`).join("")}>${inside.join("")}</${tag}>`;
};
export const line = (x1, y1, x2, y2, more = {}) => element("line", { x1, y1, x2, y2, stroke: LINE, ...more });
export const text = (x, y, words, more = {}) => element("text", { x, y, fill: INK, ...more }, escaped(words));

/** A whole number with a sign that is as wide as a digit. */
export const signed = (number) => String(number).replace("-", "−");
/** A power of ten in raised digits. */
export const power = (n) => `10${[...String(n)].map((c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]).join("")}`;

/** An arrow between two points, which ends in a filled head. */
export function arrow(x1, y1, x2, y2, { stroke = MUTED, width = 1.5, head = 7 } = {}) {
  const length = Math.hypot(x2 - x1, y2 - y1);
  const [dx, dy] = [(x2 - x1) / length, (y2 - y1) / length];
  const [x, y] = [x2 - dx * head, y2 - dy * head];
  const points = [[x2, y2], [x - dy * head * 0.55, y + dx * head * 0.55], [x + dy * head * 0.55, y - dx * head * 0.55]];
  return (
    line(x1, y1, x.toFixed(1), y.toFixed(1), { stroke, "stroke-width": width }) +
    element("polygon", { points: points.map((one) => one.map((n) => n.toFixed(1)).join(",")).join(" "), fill: stroke })
  );
}
/** A rounded box around a point. */
export const box = (x, y, width, height, more = {}) =>
  element("rect", { x: x - width / 2, y: y - height / 2, width, height, rx: 6, fill: PANEL, stroke: MUTED, ...more });
