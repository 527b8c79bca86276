// The number of clusters as a slider, on a logarithmic scale, with the suggested numbers marked.

const STEPS = 10000;

function buildSlider(run, tree, state) {
  const { numbers } = tree;
  if (numbers.length < 2) return;
  const [low, high] = [Math.log(numbers[0]), Math.log(numbers.at(-1))];
  const position = (number) => (Math.log(number) - low) / (high - low);
  const go = (number) => state.setCut(tree.nearestIndex(number));
  const range = el("input", {
    type: "range", min: 0, max: STEPS, step: 1, "aria-label": "Number of clusters", id: "k",
    input: () => go(Math.exp(low + (high - low) * range.value / STEPS)),
    keydown: (event) => {
      const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 }[event.key];
      if (by === undefined) return;
      event.preventDefault();
      state.setCut(Math.max(0, Math.min(numbers.length - 1, state.cut.index + by)));
    },
  });
  const typed = el("input", {
    type: "number", min: numbers[0], max: numbers.at(-1), "aria-label": "Number of clusters, typed",
    change: () => { go(Number(typed.value) || state.cut.number); show(); },
  });
  const why = el("p", { id: "why", "aria-live": "polite" });
  const own = numbers[tree.own];
  const reasons = new Map(run.suggestions.map((one) => [one.n_clusters, one.reasons]));
  if (!reasons.has(own)) reasons.set(own, []);
  const marks = [...reasons.keys()].map((number) => {
    const mark = el("button", {
      class: number === own ? "mark chosen" : "mark", type: "button", title: say(number),
      "aria-label": `${number} clusters: ${say(number)}`, click: () => go(number),
    }, thousands(number));
    mark.style.left = `${100 * position(number)}%`;
    return { number, mark };
  });

  function say(number) {
    const found = [...(reasons.get(number) ?? [])];
    if (number === own) found.unshift("this run’s own clusters");
    return found.join("; ");
  }

  function show() {
    const { number } = state.cut;
    range.value = STEPS * position(number);
    range.setAttribute("aria-valuetext", `${number} clusters`);
    typed.value = number;
    typed.classList.toggle("long", number > 999);
    const text = say(number);
    const step = number === own ? "" : `The run has ${thousands(own)}. `;
    why.replaceChildren(el("b", {}, counted(state.cut.list.length, "cluster")),
      text ? `: ${text}. ` : ". ", step);
    for (const { number: marked, mark } of marks) mark.setAttribute("aria-current", String(marked === number));
  }

  byId("slider").append(
    el("div", { class: "number" }, typed, el("span", { class: "muted" }, "clusters")),
    el("div", { class: "track" }, range, el("div", { class: "marks" }, marks.map(({ mark }) => mark))), why);
  byId("slider").hidden = false;
  separate(marks.map(({ mark }) => mark));
  state.listen((what) => { if (what === "cut") show(); });
}

/** Hide the texts of marks that would cover those before them; the marks stay. */
function separate(marks) {
  const arrange = () => {
    const taken = [];
    for (const mark of marks) {
      mark.style.fontSize = "";
      const box = mark.getBoundingClientRect();
      const covers = taken.some((other) => box.left < other.right - 4 && other.left < box.right - 4);
      mark.style.fontSize = covers ? "0" : "";
      if (!covers) taken.push(box);
    }
  };
  requestAnimationFrame(arrange);
  window.addEventListener("resize", arrange);
}
