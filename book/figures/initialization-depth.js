// The size of a signal in each of fifty layers, for a width, a spread of the weights and an activation.
import { ACCENT, GOOD_SOFT, HALO, MUTED, element, line, power, text } from "./_drawing.js";

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [340, 260, 40, 12, 12, 38];
const REACH = 20; // powers of ten, up and down

const nearest = (values, wanted) =>
  values.reduce((best, value, i) => (Math.abs(value - wanted) < Math.abs(values[best] - wanted) ? i : best), 0);
const spread = (value) => value.toFixed(3);

export const controls = ({ activations, widths, spreads, rules }) => [
  { kind: "choice", name: "activation", label: "Activation", choices: activations, start: activations.indexOf("ReLU") },
  { kind: "range", name: "width", label: "Width n", values: widths, start: widths.length - 1 },
  {
    kind: "range", name: "spread", label: "Spread σ of the weights", values: spreads, start: nearest(spreads, 0.05),
    shown: spread,
  },
  ...Object.entries(rules).map(([rule, wanted]) => ({
    kind: "set", label: `σ by ${rule}`,
    set: ({ width }) => ({ spread: nearest(spreads, wanted[width]) }),
  })),
];

export function draw({ activations, widths, spreads, layers, powers }, state) {
  const [activation, width, sigma] = [activations[state.activation], widths[state.width], spreads[state.spread]];
  const fan = powers[activation][state.width];
  const mine = fan[state.spread];
  const x = (layer) => LEFT + ((layer - 1) / (layers.at(-1) - 1)) * (WIDTH - LEFT - RIGHT);
  const y = (exponent) => TOP + ((REACH - exponent) / (2 * REACH)) * (HEIGHT - TOP - BOTTOM);
  const path = (exponents) =>
    exponents.map((one, i) => `${i ? "L" : "M"}${x(layers[i]).toFixed(1)} ${y(one).toFixed(1)}`).join("");

  const axes = [];
  for (let n = -REACH; n <= REACH; n += 10)
    axes.push(line(LEFT, y(n), WIDTH - RIGHT, y(n)), text(LEFT - 6, y(n) + 4, power(n), { "text-anchor": "end", fill: MUTED }));
  for (const layer of [1, 10, 20, 30, 40, 50])
    axes.push(text(x(layer), HEIGHT - BOTTOM + 17, layer, { "text-anchor": "middle", fill: MUTED }));
  axes.push(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 5, "layer", { "text-anchor": "middle", fill: MUTED }));

  const frame = { x: LEFT, y: TOP, width: WIDTH - LEFT - RIGHT, height: HEIGHT - TOP - BOTTOM };
  const band = element("rect", { ...frame, y: y(1), height: y(-1) - y(1), fill: GOOD_SOFT });
  const others = fan.map((one, i) => (i === state.spread ? "" : element("path", { d: path(one), fill: "none", stroke: MUTED, "stroke-opacity": 0.4 })));
  const end = mine.at(-1);
  const clipped = Math.max(-REACH, Math.min(REACH, end));
  const leaves = mine.findIndex((one) => Math.abs(one) > REACH);
  const at = leaves < 0 ? x(layers.at(-1)) : x(layers[leaves - 1] + ((REACH - Math.abs(mine[leaves - 1])) / Math.abs(mine[leaves] - mine[leaves - 1])) * (layers[leaves] - layers[leaves - 1]));
  const about = Math.round(end);
  const body = [
    element("clipPath", { id: "depth-frame" }, element("rect", frame)),
    band, ...axes,
    element("g", { "clip-path": "url(#depth-frame)" }, ...others,
      element("path", { d: path(mine), fill: "none", stroke: ACCENT, "stroke-width": 3, "stroke-linejoin": "round" })),
    element("circle", { cx: at.toFixed(1), cy: y(clipped).toFixed(1), r: 5, fill: ACCENT }),
    text(Math.min(at, WIDTH - RIGHT) - 10, y(clipped) + (clipped > 15 ? 18 : clipped > 0 ? -10 : clipped < -15 ? -10 : 20), power(about),
      { "text-anchor": "end", fill: ACCENT, "font-weight": 600, "font-size": 16, ...HALO }),
    text(LEFT + 6, TOP + 14, "standard deviation", { fill: MUTED, ...HALO }),
  ];
  const factor = 10 ** ((mine.at(-1) - mine[0]) / (layers.at(-1) - 1));
  const steady = Math.abs(end) < 1;
  const each = activation === "tanh" ? "" : ` Each layer multiplies the signal by ${factor.toFixed(2)}.`;
  return {
    size: [WIDTH, HEIGHT],
    title: `Standard deviation in each of ${layers.at(-1)} layers, on a logarithmic scale`,
    body: body.join(""),
    says: `${activation === "none" ? "No activation" : activation}, n = ${width}, σ = ${spread(sigma)}.${each} ` +
      `After ${layers.at(-1)} layers its standard deviation is about ${steady ? (10 ** end).toPrecision(1) : power(about)}.`,
  };
}
