// All images: searched by path, filtered by cluster, class and confidence.

const SHOWN_AT_ONCE = 200;

function buildImages({ run, images, tree, state, tiles }) {
  const place = byId("images");
  let search = 0; // the newest one; older ones stop
  const path = el("input", { class: "field", type: "search", placeholder: "Part of a path  ( / )", "aria-label": "Search by path", input: later });
  const cluster = el("select", { class: "field", change: run_ });
  const label = el("select", { class: "field", change: run_ }, el("option", { value: "" }, "any class"), labelsOf());
  const number = (value, text) => el("input", { class: "field", type: "number", min: 0, max: 1, step: 0.05, value, "aria-label": text, change: run_ });
  const [least, most] = [number("0", "Lowest confidence"), number("1", "Highest confidence")];
  const order = el("select", { class: "field", change: run_ }, [["page", "typical first"], ["uncertain", "least certain first"], ["certain", "most certain first"]]
    .map(([value, text]) => el("option", { value }, text)));
  const onlyWrong = el("input", { type: "checkbox", change: run_ });
  const says = el("p", { class: "muted", role: "status" });
  const found = el("div", { class: "tiles" });
  const more = el("button", { class: "button more", type: "button", hidden: true }, "Show more");
  place.append(el("div", { class: "toolbar" }, path, cluster, images.labels ? label : null,
    el("label", {}, "Confidence", least, "to", most), order, el("label", {}, onlyWrong, "marked as wrong")), says, found, more);
  let timer = 0;

  function labelsOf() {
    if (!images.labels) return [];
    const known = [...new Set(images.labels)].filter((value) => value >= 0).sort((a, b) => a - b);
    return known.map((value) => el("option", { value }, run.classes?.[value] ?? `class ${value}`));
  }

  function later() {
    clearTimeout(timer);
    timer = setTimeout(run_, 200);
  }

  async function run_() {
    search += 1;
    const mine = search;
    const wanted = path.value.trim().toLowerCase();
    const inCluster = cluster.value === "" ? null : Number(cluster.value);
    const ofLabel = label.value === "" ? null : Number(label.value);
    const [low, high] = [Number(least.value) * 65535 - 0.5, Number(most.value) * 65535 + 0.5];
    const fits = (row) => (inCluster === null || state.cut.of[tree.leafOf[row]] === inCluster)
      && (ofLabel === null || images.labels[row] === ofLabel)
      && images.confidence[row] >= low && images.confidence[row] <= high
      && (!onlyWrong.checked || state.wrong.has(row));
    const rows = [];
    if (wanted) {
      await images.each((row, info) => {
        if (fits(row) && info.path.toLowerCase().includes(wanted)) rows.push(row);
        return mine === search;
      }, (part) => { says.textContent = `Searching: ${Math.round(100 * part)}%`; });
    } else {
      for (let row = 0; row < images.n; row += 1) if (fits(row)) rows.push(row);
    }
    if (mine !== search) return;
    if (order.value !== "page") rows.sort((a, b) => (order.value === "certain" ? -1 : 1) * (images.confidence[a] - images.confidence[b]));
    says.textContent = `${counted(rows.length, run.noun)}${rows.length === images.n ? ", all there are" : ` of ${thousands(images.n)}`}`;
    found.replaceChildren();
    show(rows, 0, mine);
  }

  async function show(rows, from, mine) {
    const next = rows.slice(from, from + SHOWN_AT_ONCE);
    await Promise.all([images.load(next, "rows"), images.load(next, "pictures")]);
    if (mine !== search) return;
    found.append(...next.map((row) => tiles.tile(row, rows)));
    more.hidden = from + SHOWN_AT_ONCE >= rows.length;
    more.onclick = () => show(rows, from + SHOWN_AT_ONCE, mine);
  }

  function list() {
    const before = cluster.value;
    cluster.replaceChildren(el("option", { value: "" }, "any cluster"),
      ...state.cut.list.map((one) => el("option", { value: one.number }, `${state.nameOf(one)} (${thousands(one.size)})`)));
    cluster.value = state.cut.cluster(Number(before)) && before !== "" ? before : "";
  }

  let isDrawn = false;
  state.listen((what) => {
    if (what === "wrong" ? onlyWrong.checked : true) {
      if (what !== "wrong") list();
      if (isDrawn) run_();
    }
  });
  return {
    shown() { if (!isDrawn) { isDrawn = true; run_(); } },
    filter(number) { path.value = ""; cluster.value = number; isDrawn = true; run_(); },
    focus() { path.focus(); },
  };
}
