// A dense layer under the two ceilings of a processor: batch, bits of a weight, and the processor are chosen.
import { ACCENT, HALO, MUTED, element, line, power, text } from "./_drawing.js";

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [340, 270, 44, 12, 26, 42];
const [X, Y] = [[-0.3, 4], [-1, 3.5]]; // powers of ten of FLOP/byte and TFLOP/s

export const controls = ({ cards, batches, bits }) => [
  { kind: "range", name: "batch", label: "Batch", values: batches, start: batches.indexOf(16) },
  { kind: "choice", name: "bits", label: "Bits of a weight", choices: bits, start: 0 },
  { kind: "choice", name: "card", label: "Processor", choices: cards, start: cards.indexOf("H100 SXM") },
];

export function draw(numbers, { batch, bits, card }) {
  const { cards, batches, intensity_powers: powers, peak_powers: peaks, ridge_powers: ridges } = numbers;
  const x = (exponent) => LEFT + ((exponent - X[0]) / (X[1] - X[0])) * (WIDTH - LEFT - RIGHT);
  const y = (exponent) => TOP + ((Y[1] - exponent) / (Y[1] - Y[0])) * (HEIGHT - TOP - BOTTOM);
  // In logarithms the slope is one.
  const height = (one, at) => peaks[one] - Math.max(0, ridges[one] - at);
  const roof = (one, more) => element("path", {
    d: [X[0], ridges[one], X[1]].map((at, i) => `${i ? "L" : "M"}${x(at).toFixed(1)} ${y(height(one, at)).toFixed(1)}`).join(""),
    fill: "none", ...more,
  });
  const label = (n) => (n < 0 || n > 2 ? power(n) : String(10 ** n));
  const axes = [];
  for (let n = 0; n <= X[1]; n++)
    axes.push(text(x(n), HEIGHT - BOTTOM + 18, label(n), { "text-anchor": n === X[1] ? "end" : "middle", fill: MUTED }));
  for (let n = Y[0]; n <= Y[1]; n++)
    axes.push(line(LEFT, y(n), WIDTH - RIGHT, y(n)), text(LEFT - 6, y(n) + 4, label(n), { "text-anchor": "end", fill: MUTED }));
  const dot = (i, more) => element("circle", { cx: x(powers[bits][i]).toFixed(1), cy: y(height(card, powers[bits][i])).toFixed(1), ...more });
  const here = powers[bits][batch];
  const bound = here < ridges[card] ? "memory-bound" : "compute-bound";
  const right = here > 2;
  const body = [
    ...axes,
    text(LEFT, 14, "TFLOP/s", { fill: MUTED }),
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, "FLOP/byte", { "text-anchor": "middle", fill: MUTED }),
    ...cards.map((_, one) => (one === card ? "" : roof(one, { stroke: MUTED, "stroke-opacity": 0.4 }))),
    roof(card, { stroke: ACCENT, "stroke-width": 3, "stroke-linejoin": "round" }),
    ...batches.map((_, i) => dot(i, { r: 3, fill: ACCENT })),
    dot(batch, { r: 7, fill: ACCENT }),
    text(x(here) + (right ? 0 : 12), y(height(card, here)) + (right ? 26 : 18), bound,
      { "text-anchor": right ? "end" : "start", fill: ACCENT, "font-weight": 600, ...HALO }),
  ];
  const percent = numbers.percent[card][bits][batch];
  const intensity = numbers.intensity[bits][batch];
  const micros = numbers.microseconds[card][bits][batch];
  return {
    size: [WIDTH, HEIGHT],
    title: `A dense layer under the ceilings of the ${cards[card]}, on logarithmic axes`,
    body: body.join(""),
    says: `${cards[card]}, batch ${batches[batch]}, ${numbers.bits[bits]}-bit weights: ` +
      `${intensity < 100 ? intensity.toPrecision(3) : intensity.toFixed(0)} FLOP/byte, ${bound}. The layer takes at least ` +
      `${micros.toFixed(0)} µs, at ${percent < 10 ? percent.toFixed(1) : percent.toFixed(0)}% of the peak.`,
  };
}
