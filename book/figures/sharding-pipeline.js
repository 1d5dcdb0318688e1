// The schedule of a pipeline: each row is a device, each column a slot of time.
import { ACCENT, GOOD, GOOD_SOFT, LINE, MUTED, SOFT, box, element, line, text } from "./_drawing.js";

const [WIDTH, LEFT, RIGHT, TOP, HIGH] = [340, 62, 6, 34, 34];
const name = (count, one) => `${count} ${one}${count === 1 ? "" : one === "micro-batch" ? "es" : "s"}`;

export const controls = ({ stages, batches }) => [
  { kind: "range", name: "stages", label: "Stages", values: stages, start: stages.indexOf(3) },
  { kind: "range", name: "batches", label: "Micro-batches", values: batches, start: batches.indexOf(4) },
];

export function draw({ stages, batches, grids, idle }, state) {
  const [depth, count] = [stages[state.stages], batches[state.batches]];
  const grid = grids[state.stages][state.batches];
  const slots = grid[0].length;
  const wide = (WIDTH - LEFT - RIGHT) / slots;
  const bottom = TOP + stages.at(-1) * HIGH; // as high for every choice
  const x = (slot) => LEFT + (slot + 0.5) * wide;
  const y = (row) => TOP + (row + 0.5) * HIGH;
  const parts = [
    text(LEFT, 18, "forward", { fill: ACCENT, "font-weight": 600 }),
    text(WIDTH - RIGHT, 18, "backward", { fill: GOOD, "font-weight": 600, "text-anchor": "end" }),
    line(x(slots / 2 - 0.5), 6, x(slots / 2 - 0.5), bottom, { "stroke-dasharray": "4 3", stroke: MUTED }),
    text(LEFT, bottom + 18, "time →", { fill: MUTED }),
  ];
  grid.forEach((row, stage) => {
    parts.push(text(2, y(stage) + 5, `device ${stage}`));
    row.forEach((job, slot) => {
      const look = job > 0 ? { fill: SOFT, stroke: ACCENT } : job < 0 ? { fill: GOOD_SOFT, stroke: GOOD } : { fill: "none", stroke: LINE };
      parts.push(box(x(slot), y(stage), wide - 1.5, HIGH - 6, { ...look, rx: 2 }));
      if (job && wide >= 13)
        parts.push(text(x(slot), y(stage) + 5, Math.abs(job), { "text-anchor": "middle", fill: job > 0 ? ACCENT : GOOD }));
    });
  });
  const share = idle[state.stages][state.batches];
  return {
    size: [WIDTH, bottom + 26],
    title: `A pipeline of ${name(depth, "stage")} with ${name(count, "micro-batch")}`,
    body: element("g", {}, ...parts),
    says: `${name(depth, "stage")}, ${name(count, "micro-batch")}: the step takes ${slots} slots, and ${share.toFixed(0)}% of them are idle.`,
  };
}
