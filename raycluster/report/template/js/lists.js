// Near-duplicates and outliers, each a list of its own.

function buildLists({ run, images, tiles }) {
  const groupOf = new Map();
  run.duplicates.forEach((rows, group) => { for (const row of rows) groupOf.set(row, group); });
  const duplicates = byId("duplicates");
  const outliers = byId("outliers");
  const draw = { duplicates: drawDuplicates, outliers: drawOutliers };

  function drawDuplicates() {
    duplicates.append(el("p", { class: "muted" }, run.duplicates.length
      ? `${counted(run.duplicates.length, "group")} of ${run.noun}s that lie much closer together than neighbors usually do, the closest first. The features decide: look before you delete.`
      : `No two ${run.noun}s lie much closer together than neighbors usually do.`));
    const groups = el("div", { class: "groups" });
    duplicates.append(groups);
    for (const rows of run.duplicates) {
      const captioned = rows.slice(0, 40).map((row) => caption(row, rows));
      groups.append(el("div", { class: "card group" }, captioned, rows.length > 40 ? el("span", { class: "muted" }, `and ${rows.length - 40} more`) : null));
    }
  }

  function drawOutliers() {
    outliers.append(el("p", { class: "muted" }, `The ${thousands(run.outliers.length)} ${run.noun}s that lie farthest from their neighbors, compared with how far these lie from theirs (local outlier factor), the most outlying first.`));
    outliers.append(el("div", { class: "tiles" }, run.outliers.map((row) => caption(row, run.outliers, (info) => info.outlying.toFixed(2)))));
  }

  function caption(row, rows, text = (info) => info.path) {
    const words = el("span", {});
    images.load([row], "rows").then(() => { words.textContent = text(images.info(row)); words.title = words.textContent; });
    return el("div", { class: "captioned" }, tiles.tile(row, rows), words);
  }

  return {
    shown(view) { draw[view]?.(); delete draw[view]; },
    of: (row) => (groupOf.has(row) ? run.duplicates[groupOf.get(row)].filter((other) => other !== row) : []),
  };
}
