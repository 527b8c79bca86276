// One image: where it is, what it resembles, and which cluster it is in at several cuts.

const CUTS_SHOWN = 6;

function buildDetail({ run, images, tree, state, tiles, duplicatesOf, goTo }) {
  const dialog = byId("detail");
  let at = { row: 0, rows: [] };

  function open(row, rows) {
    at = { row, rows };
    fill();
    if (!dialog.open) dialog.showModal();
    const needed = [row, ...(images.info(row)?.near ?? [])];
    Promise.all([images.load([row], "rows"), images.load(needed, "pictures")]).then(() => { if (at.row === row) fill(); });
  }

  function step(by) {
    const place = at.rows.indexOf(at.row) + by;
    if (place >= 0 && place < at.rows.length) open(at.rows[place], at.rows);
  }

  function fill() {
    const { row, rows } = at;
    const info = images.info(row);
    if (!info) { dialog.replaceChildren(el("div", { class: "inside" }, "Loading…")); return; }
    const source = images.picture(row);
    const cluster = tree.clusterOf(row, state.cut);
    const label = images.labelOf(row);
    const place = rows.indexOf(row);
    const mark = el("button", {
      class: "button", type: "button", "aria-pressed": String(state.wrong.has(row)),
      click: () => { state.mark(row, !state.wrong.has(row)); fill(); },
    }, state.wrong.has(row) ? "Marked as wrong" : "Mark as wrong here");
    const link = dotOf(cluster);
    const twins = duplicatesOf(row);
    const similarity = run.similarity === "cosine" ? (value) => (value / 1000).toFixed(2) : (value) => String(value);
    const near = info.near.map((other, i) => el("div", { class: "captioned" }, tiles.tile(other, info.near), el("span", {}, similarity(info.similar[i]))));
    dialog.replaceChildren(
      el("button", { class: "button close", type: "button", "aria-label": "Close", click: () => dialog.close() }, "✕"),
      el("div", { class: "inside" },
        el("div", { class: "picture" }, source ? picture(source, info.path) : null,
          el("div", { class: "turn" },
            el("button", { class: "button", type: "button", disabled: place <= 0, click: () => step(-1) }, "← Previous"),
            el("button", { class: "button", type: "button", disabled: place < 0 || place >= rows.length - 1, click: () => step(1) }, "Next →"), mark)),
        el("div", {}, el("h2", {}, info.path),
          el("dl", {},
            el("dt", {}, "Cluster"), el("dd", {}, el("button", { class: "chip", type: "button", click: () => { dialog.close(); goTo(cluster.number); } }, link, state.nameOf(cluster))),
            el("dt", {}, "Confidence"), el("dd", {}, share(images.confidenceOf(row)), el("small", {}, run.hasTree ? ` at ${thousands(tree.numbers[tree.own])} clusters` : "")),
            label ? [el("dt", {}, "Known class"), el("dd", {}, label)] : null,
            el("dt", {}, "Outlyingness"), el("dd", {}, info.outlying.toFixed(2), el("small", {}, " local outlier factor; about 1 is usual")),
            el("dt", {}, "Id"), el("dd", {}, String(info.id))),
          el("h3", {}, `Nearest images, with their ${run.similarity === "cosine" ? "cosine similarity" : "distance"}`), el("div", { class: "tiles" }, near),
          twins.length ? [el("h3", {}, "Near-duplicates"), tiles.strip(twins)] : null,
          cuts(row))));
  }

  function cuts(row) {
    if (!run.hasTree) return null;
    const suggested = run.suggestions.map((one) => one.n_clusters);
    const wanted = [...suggested, tree.numbers[tree.own], state.cut.number, 2, 5, 10, 20, 50, 100];
    const indices = [...new Set(wanted.map((number) => tree.nearestIndex(number)))].slice(0, CUTS_SHOWN + 2).sort((a, b) => a - b);
    return [el("h3", {}, "Its cluster at other numbers of clusters"), table([["clusters", "its cluster", run.noun === "image" ? "images in it" : "vectors in it"],
      ...indices.map((index) => {
        const cut = tree.at(index);
        const cluster = tree.clusterOf(row, cut);
        const name = state.nameOf(cluster);
        return [`${thousands(cut.number)}${index === state.cut.index ? " (shown)" : ""}`, name, thousands(cluster.size)];
      })])];
  }

  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  return open;
}
