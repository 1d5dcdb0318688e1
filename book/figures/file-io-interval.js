// The time that checkpoints and failures cost, for the seconds of a write and the interval between writes.
import { ACCENT, HALO, INK, LINE, MUTED, element, line, text } from "./_drawing.js";

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [340, 260, 44, 14, 26, 42];
const [X, Y] = [[1, 4.3113], [-1, 2]]; // powers of ten of seconds and percent

const time = (seconds) =>
  seconds < 90 ? `${+seconds.toPrecision(2)} s` : seconds < 5400 ? `${(seconds / 60).toFixed(1)} minutes` : `${(seconds / 3600).toFixed(1)} hours`;

export const controls = ({ writes, seconds }) => [
  { kind: "range", name: "write", label: "Seconds to write", values: writes, start: writes.indexOf(30) },
  { kind: "range", name: "every", label: "Time between checkpoints", values: seconds, start: 16, shown: time },
];

export function draw(numbers, { write, every }) {
  const { writes, seconds, powers, percent, best, least } = numbers;
  const x = (power) => (LEFT + ((power - X[0]) / (X[1] - X[0])) * (WIDTH - LEFT - RIGHT)).toFixed(1);
  const y = (power) => (TOP + ((Y[1] - power) / (Y[1] - Y[0])) * (HEIGHT - TOP - BOTTOM)).toFixed(1);
  const curve = (one, more) => element("path", {
    d: numbers.percent_powers[one].map((power, i) => `${i ? "L" : "M"}${x(powers[i])} ${y(power)}`).join(""),
    fill: "none", ...more,
  });
  const axes = [];
  for (let n = X[0]; n < X[1]; n++)
    axes.push(text(x(n), HEIGHT - BOTTOM + 18, (10 ** n).toLocaleString("en"), { "text-anchor": "middle", fill: MUTED }));
  for (let n = Y[0]; n <= Y[1]; n++)
    axes.push(line(LEFT, y(n), WIDTH - RIGHT, y(n)), text(LEFT - 6, +y(n) + 4, n < 0 ? "0.1" : 10 ** n, { "text-anchor": "end", fill: MUTED }));
  const frame = { x: LEFT, y: TOP, width: WIDTH - LEFT - RIGHT, height: HEIGHT - TOP - BOTTOM };
  const [lowest, valley] = [x(numbers.best_powers[write]), y(numbers.least_powers[write])];
  const body = [
    element("clipPath", { id: "interval-frame" }, element("rect", frame)),
    ...axes,
    text(LEFT, 14, "time lost (%)", { fill: MUTED }),
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, "seconds between checkpoints", { "text-anchor": "middle", fill: MUTED }),
    element("g", { "clip-path": "url(#interval-frame)" },
      ...writes.map((_, one) => (one === write ? "" : curve(one, { stroke: MUTED, "stroke-opacity": 0.4 }))),
      curve(write, { stroke: ACCENT, "stroke-width": 3 })),
    line(lowest, valley, lowest, HEIGHT - BOTTOM, { stroke: INK, "stroke-dasharray": "3 3" }),
    text(lowest, HEIGHT - BOTTOM - 6, "best", { "text-anchor": "middle", ...HALO }),
    element("g", { "clip-path": "url(#interval-frame)" },
      element("circle", { cx: x(powers[every]), cy: y(numbers.percent_powers[write][every]), r: 7, fill: ACCENT, stroke: LINE })),
  ];
  const share = (value) => `${value < 10 ? value.toFixed(1) : value.toFixed(0)}%`;
  return {
    size: [WIDTH, HEIGHT],
    title: `Time lost against the time between checkpoints, for writes of ${writes[0]} to ${writes.at(-1)} seconds`,
    body: body.join(""),
    says: `A write of ${writes[write]} s every ${time(seconds[every])} costs ${share(percent[write][every])} of the useful work. ` +
      `The best interval, ${time(best[write])}, costs ${share(least[write])}.`,
  };
}
