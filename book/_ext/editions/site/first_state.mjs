// Draws a figure that moves in the state in which it begins: JSON on standard input and output.
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";

const { module, numbers } = JSON.parse(await text(process.stdin));
const { controls, draw } = await import(pathToFileURL(module));
const named = controls(numbers).filter((control) => control.name);
const state = Object.fromEntries(named.map(({ name, start = 0 }) => [name, start]));
process.stdout.write(JSON.stringify(draw(numbers, state)));
