// What the reader takes away: names, wrong images and the cut as JSON, and the clusters as CSV; and JSON loaded again.

const FORMAT = "raycluster names 1";

function buildTakeaway({ run, images, tree, state, goTo }) {
  const save = el("button", { class: "button", type: "button", id: "save-names", click: saveNames }, "Save names");
  const csv = el("button", { class: "button", type: "button", id: "save-csv", click: saveCsv }, "Save CSV");
  const file = el("input", { type: "file", accept: ".json,application/json", hidden: true, id: "names-file", change: async () => {
    if (file.files.length) await load(await file.files[0].text());
    file.value = "";
  } });
  const open = el("button", { class: "button", type: "button", click: () => file.click() }, "Load names");

  async function saveNames() {
    const { cut } = state;
    const names = {};
    for (const cluster of cut.list) if (state.names.has(cluster.key)) names[cluster.number] = state.names.get(cluster.key);
    const rows = [...state.wrong].sort((a, b) => a - b);
    await images.load(rows, "rows");
    const wrong = rows.map((row) => ({ id: images.info(row).id, path: images.info(row).path }));
    const saved = { format: FORMAT, run: run.name, clusters: cut.number, names, wrong };
    download(`${run.name}-names.json`, `${JSON.stringify(saved, null, 2)}\n`, "application/json");
    state.isSaved = true;
  }

  async function saveCsv() {
    const { cut } = state;
    const lines = [["id", "path", "cluster", "name", "confidence", ...(images.labels ? ["label"] : []), "wrong"]];
    await images.each((row, info) => {
      const cluster = tree.clusterOf(row, cut);
      lines.push([info.id, info.path, cluster.number, state.names.get(cluster.key) ?? "", images.confidenceOf(row).toFixed(4),
        ...(images.labels ? [images.labelOf(row)] : []), state.wrong.has(row) ? "1" : ""]);
    }, (part) => notify(`Collecting: ${Math.round(100 * part)}%`));
    const field = (value) => (/[",\r\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : String(value));
    download(`${run.name}-${cut.number}-clusters.csv`, lines.map((line) => `${line.map(field).join(",")}\r\n`).join(""), "text/csv");
  }

  function download(name, text, type) {
    const url = URL.createObjectURL(new Blob([text], { type }));
    el("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
    notify(`${name} is saved where your browser saves downloads.`);
  }

  async function load(text) {
    let given;
    try { given = JSON.parse(text); } catch { given = {}; }
    if (given?.format !== FORMAT) { notify("This file holds no names: choose one that this page has saved."); return; }
    if (!tree.numbers.includes(given.clusters)) { notify(`This page does not offer ${given.clusters} clusters.`); return; }
    if (given.run !== run.name) { notify(`These names were saved from another run, ${given.run}.`); return; }
    await apply(given);
    goTo();
  }

  async function apply(given) {
    const cut = tree.at(tree.numbers.indexOf(given.clusters));
    for (const [number, name] of Object.entries(given.names ?? {})) {
      const cluster = cut.cluster(Number(number));
      if (cluster) state.names.set(cluster.key, String(name));
    }
    state.cut = cut;
    const wanted = new Set((given.wrong ?? []).map((one) => String(one.id)));
    if (wanted.size) await images.each((row, info) => {
      if (wanted.delete(String(info.id))) state.wrong.add(row);
      return wanted.size > 0;
    });
    state.tell("cut");
    state.tell("wrong");
    state.isSaved = true;
  }

  const given = readJson("given");
  const shown = tree.numbers.indexOf(given.shown);
  (given.names ? apply(given.names) : Promise.resolve()).then(() => { if (shown >= 0) state.setCut(shown); });
  return el("span", { class: "actions" }, open, file, save, csv);
}
