// Points on their way through twenty blocks, without and with the plus sign, and how gradients come back.
import { ACCENT, HALO, INK, LINE, MUTED, WARN, element, line, power, text } from "./_drawing.js";

const [WIDTH, PLANE, LEFT, RIGHT, TOP, BOTTOM] = [340, 180, 42, 14, 214, 350];
const [HIGHEST, LOWEST] = [2, -12]; // powers of ten
const NAMES = ["without", "with"];

export const controls = (numbers) => [
  { kind: "choice", name: "plus", label: "Plus sign", choices: NAMES, start: 0 },
  { kind: "steps", name: "block", count: numbers.with.widths.length, start: 1 },
];

export function draw(numbers, { plus, block }) {
  const { clouds, widths, gradients } = numbers[NAMES[plus]];
  const range = (axis) => {
    const values = clouds.flat().map((point) => point[axis]);
    return [Math.min(...values), Math.max(...values)];
  };
  const [[left, right], [bottom, top]] = [range(0), range(1)];
  const unit = Math.min((WIDTH - 24) / (right - left), (PLANE - 24) / (top - bottom));
  const place = ([a, b]) => [
    (WIDTH / 2 + (a - (left + right) / 2) * unit).toFixed(1),
    (PLANE / 2 - (b - (bottom + top) / 2) * unit).toFixed(1),
  ];
  const points = (cloud, more) => cloud.map((point, i) => {
    const [x, y] = place(point);
    return i < cloud.length / 2
      ? element("circle", { cx: x, cy: y, r: 3.5, fill: ACCENT, ...more })
      : element("path", { d: `M${x} ${y}m-3 -3l6 6m0 -6l-6 6`, stroke: WARN, "stroke-width": 2, ...more });
  });

  const last = widths.length - 1;
  const x = (i) => LEFT + (i / last) * (WIDTH - LEFT - RIGHT);
  const y = (exponent) => TOP + ((HIGHEST - exponent) / (HIGHEST - LOWEST)) * (BOTTOM - TOP);
  const curve = (exponents, more) => element("path", {
    d: exponents.map((one, i) => `${i ? "L" : "M"}${x(i).toFixed(1)} ${y(one).toFixed(1)}`).join(""),
    fill: "none", "stroke-width": 2.5, ...more,
  });
  const axes = [];
  for (let n = 0; n >= LOWEST; n -= 4)
    axes.push(line(LEFT, y(n), WIDTH - RIGHT, y(n)), text(LEFT - 6, y(n) + 4, n ? power(n) : "1", { "text-anchor": "end", fill: MUTED }));
  for (let i = 0; i <= last; i += 5)
    axes.push(text(x(i), BOTTOM + 18, i, { "text-anchor": "middle", fill: MUTED }));
  const [across, back] = [{ fill: ACCENT, ...HALO }, { fill: WARN, "text-anchor": "end", ...HALO }];
  const body = [
    element("rect", { x: 0.5, y: 0.5, width: WIDTH - 1, height: PLANE, fill: "none", stroke: LINE, rx: 6 }),
    ...points(clouds[0], { opacity: 0.2 }), ...points(clouds[block]),
    ...axes,
    text((LEFT + WIDTH - RIGHT) / 2, BOTTOM + 36, "block", { "text-anchor": "middle", fill: MUTED }),
    line(x(block), TOP, x(block), BOTTOM, { stroke: INK, "stroke-dasharray": "3 3" }),
    element("clipPath", { id: "plus-sign-frame" }, element("rect", { x: LEFT, y: TOP, width: WIDTH - LEFT - RIGHT, height: BOTTOM - TOP })),
    element("g", { "clip-path": "url(#plus-sign-frame)" }, curve(widths, { stroke: ACCENT }),
      curve(gradients, { stroke: WARN, "stroke-dasharray": "6 3" })),
    text(LEFT, TOP - 8, "width of the cloud →", across),
    text(WIDTH - RIGHT, TOP - 8, "← gradient", back),
  ];
  const size = (exponent) => {
    if (exponent <= LOWEST) return `less than ${power(LOWEST)}`;
    return exponent < -1 ? `about ${power(Math.round(exponent))}` : `about ${(10 ** exponent).toPrecision(1)}`;
  };
  const where = block ? `After block ${block}` : "Before the first block";
  return {
    size: [WIDTH, BOTTOM + 42],
    title: "Points after a block of an untrained network, their spread, and the gradient, on a logarithmic scale",
    body: body.join(""),
    says: `${plus ? "With" : "Without"} the plus sign. ${where}, the cloud is ${size(widths[block])} wide, ` +
      `and the size of the gradient is ${size(gradients[block])}.`,
  };
}
