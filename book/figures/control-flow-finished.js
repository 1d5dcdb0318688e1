// Four prompts in one batch, step by step, without and with a mask of the rows that have ended.
import { ACCENT, INK, LINE, MUTED, PANEL, SOFT, WARN, WARN_SOFT, box, text } from "./_drawing.js";

const [WIDTH, LEFT, TOP, SIDE] = [340, 46, 34, 36];
const MASKS = ["without", "with"];

export const controls = ({ active }) => [
  { kind: "choice", name: "mask", label: "Finished mask", choices: MASKS, start: 1 },
  { kind: "steps", name: "step", count: active[0].length + 1, start: 5 },
];

export function draw({ prompts, rows, active }, { mask, step }) {
  const tokens = rows[MASKS[mask]];
  const x = (i) => LEFT + (i + 0.5) * SIDE;
  const y = (row) => TOP + (row + 0.5) * SIDE;
  const middle = { "text-anchor": "middle" };
  const body = [text(4, 20, "prompt", { fill: MUTED })];
  for (let i = 0; i < active[0].length; i++)
    body.push(text(x(i), 20, i + 1, { ...middle, fill: i === step - 1 ? ACCENT : MUTED, "font-weight": i === step - 1 ? 700 : 400 }));
  prompts.forEach((prompt, row) => {
    body.push(text(8, y(row) + 5, prompt, { "font-weight": 600 }));
    tokens[row].forEach((token, i) => {
      if (i >= step) return body.push(box(x(i), y(row), SIDE - 4, SIDE - 4, { fill: "none", stroke: LINE }));
      const wrong = !active[row][i] && token !== "END";
      const [fill, stroke, ink] = active[row][i] ? [SOFT, ACCENT, INK] : wrong ? [WARN_SOFT, WARN, WARN] : [PANEL, LINE, MUTED];
      body.push(
        box(x(i), y(row), SIDE - 4, SIDE - 4, { fill, stroke, "stroke-width": i === step - 1 ? 2.5 : 1 }),
        text(x(i), y(row) + 5, token, { ...middle, fill: ink, "font-weight": active[row][i] ? 600 : 400 }),
      );
    });
  });
  return {
    size: [WIDTH, TOP + prompts.length * SIDE + 4],
    title: `Four prompts and the tokens that the loop writes in ${active[0].length} steps`,
    body: body.join(""),
    says: said(prompts, tokens, active, mask, step),
  };
}

function said(prompts, tokens, active, mask, step) {
  const begins = `${mask ? "With" : "Without"} the mask, `;
  if (!step) return `${begins}before the first step, no row has an END.`;
  const ended = prompts.filter((_, row) => tokens[row].slice(0, step).includes("END"));
  const names = ended.length ? `these rows have ended: ${ended.map((one) => `“${one}”`).join(", ")}` : "no row has ended";
  const wasted = active.flatMap((row) => row.slice(0, step)).filter((one) => !one).length;
  const wrong = tokens.flatMap((row, n) => row.slice(0, step).filter((token, i) => !active[n][i] && token !== "END")).length;
  const after = wrong ? ` ${wrong} wrong token${wrong > 1 ? "s follow" : " follows"} an END.` : "";
  return `${begins}after step ${step}, ${names}.${after} ${wasted} of ${step * prompts.length} squares are wasted.`;
}
