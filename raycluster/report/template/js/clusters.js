// The clusters: of each, the typical, least certain and most outlying images, and which ones it merges with.

const TYPICAL = 24;
const OTHERS = 8;
const NEAREST = 3;

/** Which images of a cluster to show, of those that the page holds. */
class Examples {
  constructor(images, tree) {
    this.images = images;
    this.tree = tree;
    this.byLeaf = Array.from({ length: tree.leaves }, () => []);
    for (const row of images.held) this.byLeaf[tree.leafOf[row]].push(row);
  }

  held(cluster) { return cluster.leaves.flatMap((leaf) => this.byLeaf[leaf]); }

  /**
   * The most central images of the leaves, of each as many as its part of the cluster (D'Hondt), so that they show its
   * range. Where the page holds too few of a large leaf, there are rather fewer than those of small leaves instead.
   */
  typical(cluster, most) {
    const due = cluster.leaves.flatMap((leaf) => {
      const size = this.tree.size(leaf);
      const held = this.byLeaf[leaf].slice(0, most).map((row, i) => ({ row, due: size / (i + 1) }));
      if (held.length < Math.min(most, size)) held.push({ row: null, due: size / (held.length + 1) });
      return held;
    });
    due.sort((a, b) => b.due - a.due || a.row - b.row);
    const end = due.findIndex(({ row }, i) => row === null && i >= most / 3);
    return due.slice(0, end < 0 ? due.length : end).map(({ row }) => row).filter((row) => row !== null).slice(0, most);
  }

  leastCertain(cluster, most) {
    const rows = this.held(cluster).sort((a, b) => this.images.confidence[a] - this.images.confidence[b]);
    return rows.slice(0, most);
  }

  outlying(cluster, most) {
    const of = (row) => this.images.info(row).outlying;
    return this.held(cluster).sort((a, b) => of(b) - of(a)).slice(0, most);
  }
}

function buildClusters({ run, images, tree, state, tiles, examples, show }) {
  const place = byId("clusters");
  const order = el("select", { class: "field", change: draw }, [["size", "largest first"], ["certain", "least certain first"], ["number", "by number"]]
    .map(([value, text]) => el("option", { value }, text)));
  const filter = el("input", { class: "field", type: "search", placeholder: "Name or number", "aria-label": "Find a cluster", input: draw });
  const toolbar = el("div", { class: "toolbar" }, el("label", {}, "Order", order), filter,
    el("span", { class: "grow" }),
    el("span", { class: "muted" }, run.hasTree ? "Click a name to change it." : "Click a name to change it. This method makes no tree: the number of clusters is fixed."));
  const list = el("div");
  place.append(toolbar, list);

  function card(cluster) {
    const { cut } = state;
    const dot = el("span", { class: "dot" });
    dot.style.background = cluster.color;
    const name = el("input", {
      class: "title", value: state.names.get(cluster.key) ?? "", placeholder: `Cluster ${cluster.number}`,
      "aria-label": `Name of cluster ${cluster.number}`, spellcheck: "false", maxlength: 200,
      change: () => state.rename(cluster, name.value),
      keydown: (event) => { if (event.key === "Enter") name.blur(); },
    });
    const meter = el("span", { class: "meter" }, el("i"));
    meter.firstChild.style.width = `${100 * cluster.confidence}%`;
    const made = el("article", { class: "card waiting", id: `cluster-${cluster.number}`, "data-cluster": cluster.number },
      el("header", {}, dot, name, el("span", { class: "size" }, counted(cluster.size, run.noun)),
        el("span", { class: "muted", title: `at ${thousands(tree.numbers[tree.own])} clusters` }, meter, `mean confidence ${share(cluster.confidence)}`),
        el("span", { class: "muted" }, classes(cluster)), el("span", { class: "grow" }),
        el("button", { class: "button plain", type: "button", click: () => show("images", { cluster: cluster.number }) }, "All images"),
        el("button", { class: "button plain", type: "button", click: () => show("map", { cluster: cluster.number }) }, "On the map")));
    whenSeen(made, () => {
      if (!made.classList.contains("waiting")) return;
      made.classList.remove("waiting");
      const typical = examples.typical(cluster, TYPICAL);
      const side = el("div", { class: "side" });
      if (cluster.size > OTHERS) {
        side.append(el("div", {}, el("h3", {}, "Least certain"), tiles.strip(examples.leastCertain(cluster, OTHERS), undefined, true)),
          el("div", {}, el("h3", {}, "Most outlying"), tiles.strip(examples.outlying(cluster, OTHERS), undefined, true)));
      }
      made.append(el("div", { class: "body" }, el("div", {}, el("h3", {}, "Typical"), tiles.strip(typical)), side));
      const near = nearest(cluster, cut);
      if (near.length) made.append(el("div", { class: "near" }, near));
    });
    return made;
  }

  function nearest(cluster, cut) {
    const found = run.hasTree ? tree.merges(cluster, cut, NEAREST)
      : (run.nearest[cluster.number] ?? []).map((number) => ({ cluster: cut.cluster(number) }));
    if (!found.length) return [];
    return [run.hasTree ? "Merges with" : "Nearest", ...found.map(({ cluster: other, at }) => {
      const [row] = examples.typical(other, 1);
      const source = images.picture(row);
      return el("button", { class: "chip", type: "button", click: () => jump(other.number) },
        source ? picture(source, "") : dotOf(other), state.nameOf(other), at ? el("small", {}, `at ${thousands(at)}`) : null);
    })];
  }

  function classes(cluster) {
    const found = tree.commonest(cluster);
    return found ? `${Math.floor(100 * found.share)}% ${run.classes?.[found.label] ?? `class ${found.label}`}` : "";
  }

  function jump(number) {
    if (filter.value) { filter.value = ""; draw(); }
    const card = byId(`cluster-${number}`);
    card?.scrollIntoView({ behavior: "smooth", block: "start" });
    card?.querySelector("input").focus({ preventScroll: true });
  }

  function draw() {
    const wanted = filter.value.trim().toLowerCase();
    const clusters = state.cut.list.filter((cluster) => !wanted || state.nameOf(cluster).toLowerCase().includes(wanted));
    if (order.value === "certain") clusters.sort((a, b) => a.confidence - b.confidence);
    if (order.value === "number") clusters.sort((a, b) => a.number - b.number);
    list.replaceChildren(...clusters.map(card));
    if (!clusters.length) list.append(el("p", { class: "muted" }, "No cluster has such a name."));
  }

  state.listen((what) => { if (what === "cut") draw(); });
}

function dotOf(cluster) {
  const dot = el("span", { class: "dot" });
  dot.style.background = cluster.color;
  return dot;
}
