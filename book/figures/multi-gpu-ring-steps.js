// A ring all-reduce, one step after another: each column is a device, each row a chunk.
import { ACCENT, GOOD, GOOD_SOFT, SOFT, arrow, box, element, text } from "./_drawing.js";

const [WIDTH, TOP, HIGH] = [340, 44, 34];
const MARGIN = 22;

export const controls = ({ states }) => [{ kind: "steps", name: "step", count: states.length, start: 1 }];

export function draw({ states, sums, sent }, { step }) {
  const state = states[step];
  const devices = state.length;
  const chunks = sums.length;
  const column = (WIDTH - 2 * MARGIN) / devices;
  const wide = column - 24;
  const height = TOP + chunks * HIGH + 12;
  const x = (device) => MARGIN + (device + 0.5) * column;
  const y = (chunk) => TOP + (chunk + 0.5) * HIGH;
  const sentBy = (device) => (device - (step - 1) + devices) % devices; // the chunk
  const parts = [];
  for (let device = 0; device < devices; device++) {
    const left = (device - 1 + devices) % devices;
    parts.push(text(x(device), 20, `device ${device}`, { "text-anchor": "middle", "font-weight": 600 }));
    for (let chunk = 0; chunk < chunks; chunk++) {
      const complete = state[device][chunk] === sums[chunk];
      const came = step > 0 && sentBy(left) === chunk;
      const look = complete ? { fill: GOOD_SOFT, stroke: GOOD } : came ? { fill: SOFT, stroke: ACCENT } : {};
      parts.push(
        box(x(device), y(chunk), wide, HIGH - 8, { ...look, "stroke-width": came ? 2.5 : 1 }),
        text(x(device), y(chunk) + 5, state[device][chunk], {
          "text-anchor": "middle", "font-size": 14, "font-weight": complete || came ? 700 : 400,
          ...(complete ? { fill: GOOD } : came ? { fill: ACCENT } : {}), ...(came ? { class: "arrives" } : {}),
        }),
      );
    }
    if (step > 0) {
      const row = y(sentBy(device));
      const starts = x(device) + wide / 2 + 3;
      if (device < devices - 1) parts.push(arrow(starts, row, x(device + 1) - wide / 2 - 3, row, { stroke: ACCENT, width: 2.5, head: 8 }));
      else
        parts.push(
          element("path", { d: `M${starts} ${row}H${WIDTH - 3}`, stroke: ACCENT, "stroke-width": 2.5, "stroke-dasharray": "4 2" }),
          arrow(3, row, x(0) - wide / 2 - 3, row, { stroke: ACCENT, width: 2.5, head: 8 }),
        );
    }
  }
  return { size: [WIDTH, height], title: `${devices} devices in a ring, each with ${chunks} chunks`, body: parts.join(""), says: said(states, sums, sent, step) };
}

function said(states, sums, sent, step) {
  const devices = sums.length;
  const half = devices - 1;
  if (step === 0) return `Each of ${devices} devices has its own array, cut into ${devices} chunks. Chunk by chunk, they want the sums ${sums.join(", ")}.`;
  const chunk = (devices - 1 - (step - 1) + devices) % devices; // what device 0 gets from the last one
  const [before, parcel] = [states[step - 1][0][chunk], states[step - 1][devices - 1][chunk]];
  const first = `Step ${step}, ${step > half ? "all-gather" : "reduce-scatter"}: every device sends one chunk to the right. `;
  const example = step > half ? `Device 0 keeps ${parcel} in place of its ${before}.` : `Device 0 adds ${parcel} to its ${before}.`;
  if (step === half) return `${first}${example} Each device now has one complete sum.`;
  if (step === 2 * half) return `${first}${example} All devices have all sums, and each has sent ${sent} numbers.`;
  return first + example;
}
