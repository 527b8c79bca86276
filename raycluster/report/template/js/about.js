// What was done, how well it went, and how the number of clusters was chosen.

function buildTop(run) {
  byId("top").append(
    el("p", { class: "eyebrow" }, run.name), el("h1", {}, run.title),
    el("p", { class: "lede" }, run.facts.filter(([name]) => ["Method", "Network", "Time"].includes(name)).map(([, value]) => value)
      .concat(run.rejected ? `${counted(run.rejected, "input")} rejected` : []).join(" · ")),
    ...run.warnings.map((text) => el("p", { class: "warning", role: "note" }, text)));
}

function buildAbout({ run, images, tiles }) {
  const parts = [el("h2", {}, "What was done"), el("dl", {}, run.facts.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
    run.sentences.map((text) => el("p", {}, text))];
  if (run.quality.length) parts.push(el("h2", {}, "Compared with known classes"), el("p", { class: "muted" }, "Labels are used for these scores only."), table(run.quality));
  if (run.comparison.length) parts.push(el("h2", {}, "Compared with other methods"), table(run.comparison));
  if (run.reasons.length) parts.push(el("h2", {}, "Why inputs were rejected"), table([["reason", "inputs"], ...run.reasons.map(([reason, n]) => [reason, thousands(n)])]));
  if (run.suggestions.length) parts.push(...suggested(run));
  const charts = byId("charts").content;
  if (charts.childElementCount) parts.push(el("div", { class: "charts" }, document.importNode(charts, true)));
  parts.push(el("details", {}, el("summary", {}, "All settings"), el("dl", {}, run.settings.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]))));
  byId("about").append(...parts.flat());

  function suggested() {
    const [chosen] = run.suggestions;
    const rows = run.suggestions.map((one) => [`${thousands(one.n_clusters)}${one === chosen ? " (chosen)" : ""}`, one.reasons.join("; "),
      `${share(one.clearness)}, ${one.clear}`, `${(100 * one.links_cut).toFixed(1)}%`, [one.largest, one.median, one.smallest].map(thousands).join(" / ")]);
    const merges = run.suggestions.filter((one) => one.merges.length).map((one) => el("div", {},
      el("h3", {}, `From ${thousands(one.n_clusters)} to ${thousands(one.merges_to)} clusters, these become one`),
      one.merges.map((parts_, i) => el("div", { class: "group" }, parts_.map((part) => el("div", { class: "captioned" },
        tiles.tile(part.row, parts_.map(({ row }) => row)), el("span", {}, counted(part.size, run.noun)))),
      one.more_parts[i] ? el("span", { class: "muted" }, `and ${thousands(one.more_parts[i])} more`) : null)),
      one.more_merges ? el("p", { class: "muted" }, `and ${thousands(one.more_merges)} more`) : null));
    return [el("h2", {}, `Number of clusters: ${thousands(chosen.n_clusters)} is chosen`),
      el("p", {}, `With ${thousands(chosen.n_clusters)} clusters, ${(100 * chosen.links_cut).toFixed(1)}% of the links between neighbors run from one cluster to another: a clearness of ${share(chosen.clearness)}, which is ${chosen.clear}. At 1, no link does; from 0.75 on, clusters are clear; below 0.5, the links look much like those of a single cluster, and no number is much better founded than another.`),
      table([["clusters", "why", "clearness", "links cut", "largest / median / smallest"], ...rows]), merges];
  }
}
