// The page: its views, and what connects them.

const VIEWS = [["clusters", "Clusters"], ["map", "Map"], ["images", "Images"], ["duplicates", "Near-duplicates"], ["outliers", "Outliers"], ["about", "About this run"]];

async function main() {
  const run = readJson("run");
  if (!run.hasPictures) VIEWS[2][1] = "Vectors";
  buildTop(run);
  const images = await Images.open(run);
  const tree = await Tree.open(run, images);
  const state = new State(tree);
  const examples = new Examples(images, tree);
  let openImage = () => {};
  const tiles = new Tiles(images, state, (row, rows) => openImage(row, rows));
  const goTo = (number) => {
    show("clusters");
    if (number !== undefined) byId(`cluster-${number}`)?.scrollIntoView({ block: "start" });
  };
  const parts = { run, images, tree, state, tiles, examples, show, goTo, open: (row, rows) => openImage(row, rows) };
  const lists = buildLists(parts);
  openImage = buildDetail({ ...parts, duplicatesOf: lists.of });
  buildSlider(run, tree, state);
  buildClusters(parts);
  const map = buildMap(parts);
  const search = buildImages(parts);
  let drawAbout = () => { buildAbout(parts); drawAbout = () => {}; };

  const counts = { duplicates: run.duplicates.length };
  const tabs = VIEWS.map(([view, name]) => el("button", { class: "tab", type: "button", "data-view": view, click: () => show(view) },
    name, counts[view] ? el("span", { class: "count" }, thousands(counts[view])) : null));
  byId("views").append(...tabs, el("span", { class: "grow" }), buildTakeaway(parts));

  function show(view, { cluster } = {}) {
    for (const [name] of VIEWS) byId(name).hidden = name !== view;
    for (const tab of tabs) {
      if (tab.dataset.view === view) tab.setAttribute("aria-current", "page");
      else tab.removeAttribute("aria-current");
    }
    if (view === "images" && cluster === undefined) search.shown();
    if (view === "about") drawAbout();
    lists.shown(view);
    if (cluster !== undefined) {
      if (view === "images") search.filter(cluster);
      if (view === "map") map.choose(cluster);
      window.scrollTo({ top: 0 });
    }
    if (view === "map") byId("bar").scrollIntoView();
    history.replaceState(null, "", `#${view}`);
  }

  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || /INPUT|SELECT/.test(document.activeElement.tagName) || byId("detail").open) return;
    event.preventDefault();
    show("images");
    search.focus();
  });
  const asked = location.hash.slice(1);
  show(VIEWS.some(([view]) => view === asked) ? asked : "clusters");
  document.documentElement.dataset.ready = "yes";
}

main();
