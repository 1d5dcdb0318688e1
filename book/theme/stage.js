// Puts a figure's controls and drawing in the place of its picture.
//
// A figure's module exports `controls(numbers)` and `draw(numbers, state)`, functions of what they are
// given. `state` has an index for each control. A control is one of
//   { kind: "range", name, label, values, start, shown }   a slider; `shown(value)` is what it says
//   { kind: "choice", name, label, choices, start }        one of a few words
//   { kind: "steps", name, count, start }                  back, next, and a slider; the first is step 0
//   { kind: "set", label, set }                            a button; `set(state)` is what it changes
// `draw` returns { size: [width, height], title, body, says }: `body` is the inside of an SVG.
const make = (tag, properties = {}, ...inside) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...inside);
  return element;
};
const filled = (words, values) => words.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const root = document.documentElement;
let made = 0;
const styles = make("link", { rel: "stylesheet", href: new URL("figures.css", import.meta.url) });
const styled = new Promise((done) => (styles.onload = styles.onerror = done));
document.head.append(styles);

export async function mount(box) {
  const { figure, version } = box.dataset;
  const words = JSON.parse(box.dataset.words);
  const frameworks = box.dataset.frameworks.split(" ");
  const loaded = {};
  const numbersOf = (framework) =>
    (loaded[framework] ??= fetch(new URL(`figures/${figure}-${framework}.json?v=${version}`, import.meta.url)).then((answer) => {
      if (!answer.ok) throw new Error(`${answer.url}: ${answer.status}`);
      return answer.json();
    }));
  const chosen = () => (frameworks.includes(root.dataset.framework) ? root.dataset.framework : frameworks[0]);
  const [{ controls, draw }, first] = await Promise.all([
    import(new URL(`figures/${figure}.js?v=${version}`, import.meta.url)),
    numbersOf(chosen()),
    styled,
  ]);
  let numbers = first;
  const state = {};
  const refreshers = [];
  const id = `moving-${++made}`;

  const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  picture.setAttribute("role", "img");
  const says = make("p", { className: "moving-says", id: `${id}-says` });
  says.setAttribute("role", "status");
  const panel = make("div", { className: "moving-controls" });
  const refresh = () => {
    const { size, title, body, says: said } = draw(numbers, state);
    picture.setAttribute("viewBox", `0 0 ${size.join(" ")}`);
    picture.setAttribute("aria-label", title);
    picture.innerHTML = body;
    if (says.textContent !== said) says.textContent = said;
    for (const one of refreshers) one();
  };

  const slider = (name, label, last, shown, className) => {
    const input = make("input", { type: "range", min: 0, max: last, step: 1, id: `${id}-${name}` });
    const value = make("span", { className: "moving-value" });
    value.ariaHidden = "true";
    input.addEventListener("input", () => {
      state[name] = +input.value;
      refresh();
    });
    refreshers.push(() => {
      input.value = state[name];
      value.textContent = shown(state[name]);
      input.setAttribute("aria-valuetext", value.textContent);
      input.style.setProperty("--at", last ? state[name] / last : 0);
    });
    return make("div", { className }, make("label", { htmlFor: input.id, textContent: label }), input, value);
  };
  const kinds = {
    range({ name, label, values, shown = String }) {
      return slider(name, label, values.length - 1, (i) => shown(values[i]), "moving-range");
    },
    choice({ name, label, choices }) {
      const inputs = choices.map((choice, i) => {
        const input = make("input", { type: "radio", name: `${id}-${name}`, value: i });
        input.addEventListener("change", () => {
          state[name] = i;
          refresh();
        });
        refreshers.push(() => (input.checked = state[name] === i));
        return make("label", {}, input, make("span", { textContent: choice }));
      });
      return make("fieldset", { className: "moving-choice" }, make("legend", { textContent: label }), ...inputs);
    },
    steps({ name, count }) {
      const button = (word, by) => {
        const one = make("button", { type: "button", textContent: words[word] });
        one.addEventListener("click", () => {
          state[name] = Math.min(count - 1, Math.max(0, state[name] + by));
          refresh();
        });
        // Not `disabled`, which would take the focus away.
        refreshers.push(() => (one.ariaDisabled = String(state[name] + by < 0 || state[name] + by >= count)));
        return one;
      };
      const shown = (i) => filled(words.step_of, { step: i, steps: count - 1 });
      const row = slider(name, words.step, count - 1, shown, "moving-steps");
      row.prepend(button("back", -1), button("next", 1));
      return row;
    },
    set({ label, set }) {
      const one = make("button", { type: "button", textContent: label });
      one.addEventListener("click", () => {
        Object.assign(state, set(state));
        refresh();
      });
      return one;
    },
  };
  const listed = controls(numbers);
  for (const control of listed) if (control.name) state[control.name] = control.start ?? 0;
  panel.append(...listed.map((control) => kinds[control.kind](control)));
  refresh();
  box.append(panel, picture, says);
  box.parentElement.classList.add("moving");
  box.hidden = false;

  new MutationObserver(async () => {
    numbers = await numbersOf(chosen());
    refresh();
  }).observe(root, { attributeFilter: ["data-framework"] });
}
