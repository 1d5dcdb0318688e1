// The first call of a network: at each step the batch passes one layer, which allocates its parameters.
import { ACCENT, GOOD, GOOD_SOFT, INK, LINE, MUTED, PANEL, SOFT, arrow, box, line, text } from "./_drawing.js";

const [WIDTH, TOP, ROW] = [340, 58, 76];
const NAMES = ["convolution", "convolution", "flatten", "dense"];
const [MIDDLE, WIDE, HIGH] = [138, 104, 30]; // the boxes of the layers

const spelled = (size) => size.join(" × ");
const counted = (number) => number.toLocaleString("en-US");

export const controls = ({ steps }) => [{ kind: "steps", name: "step", count: steps.length + 1, start: 1 }];

export function draw({ input, steps }, { step }) {
  const height = TOP + steps.length * ROW + 30;
  const parts = [
    text(MIDDLE, 18, "what flows", { "text-anchor": "middle", fill: MUTED, "font-size": 12 }),
    text(218, 18, "values allocated", { fill: MUTED, "font-size": 12 }),
    line(8, 26, WIDTH - 8, 26),
    text(MIDDLE, TOP - 12, spelled(input), { "text-anchor": "middle", "font-weight": 600, fill: ACCENT }),
  ];
  steps.forEach(({ size, values }, i) => {
    const [y, passed, now] = [TOP + i * ROW + 30, i < step, i === step - 1];
    const look = passed ? { fill: values ? GOOD_SOFT : SOFT, stroke: values ? GOOD : ACCENT } : { fill: PANEL, stroke: LINE };
    parts.push(
      arrow(MIDDLE, y - HIGH / 2 - 22, MIDDLE, y - HIGH / 2 - 4, { stroke: passed ? ACCENT : MUTED }),
      box(MIDDLE, y, WIDE, HIGH, { ...look, "stroke-width": now ? 2.5 : 1.5, ...(passed ? {} : { "stroke-dasharray": "5 4" }) }),
      text(MIDDLE, y + 5, NAMES[i], { "text-anchor": "middle", fill: passed ? INK : MUTED }),
      text(218, y + 5, values ? (passed ? counted(values) : "not yet") : "none", {
        fill: passed ? (values ? GOOD : MUTED) : MUTED, "font-weight": now ? 700 : 400, ...(now ? { class: "arrives" } : {}),
      }),
    );
    parts.push(text(MIDDLE, y + HIGH / 2 + 18, passed ? spelled(size) : "?", {
      "text-anchor": "middle", "font-weight": passed ? 600 : 400, fill: passed ? ACCENT : MUTED, ...(now ? { class: "arrives" } : {}),
    }));
  });
  const total = steps.slice(0, step).reduce((sum, { values }) => sum + values, 0);
  parts.push(text(218, height - 8, `${counted(total)} in all`, { "font-weight": 600 }));
  return {
    size: [WIDTH, height],
    title: "The first batch passes through a network of four layers",
    body: parts.join(""),
    says: said(input, steps, step, total),
  };
}

function said(input, steps, step, total) {
  if (step === 0) return "All layers are declared. No shape is known, and no value is allocated.";
  const { size, values } = steps[step - 1];
  const before = step === 1 ? input : steps[step - 2].size;
  const name = NAMES[step - 1];
  const memory = values ? `It allocates ${counted(values)} values` : "It has no parameters";
  const last = step === steps.length ? ` All ${counted(total)} values are allocated.` : "";
  return `Layer ${step}, ${name}, reads ${spelled(before)}. ${memory}, and ${spelled(size)} flows on.${last}`;
}
