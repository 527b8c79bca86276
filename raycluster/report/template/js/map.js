// The map: every image as a point, similar ones close together; pictures where there is room for them.

const POINTS_WHILE_MOVING = 150000;
const PICTURE = 44; // pixels of a picture at most zooms
const REACH = 12; // pixels from the pointer within which a point is found

function buildMap({ images, tree, state, tiles, examples, open }) {
  const place = byId("map");
  const canvas = el("canvas", { tabindex: 0, role: "application", "aria-label": "Map of the images. Arrow keys move, plus and minus zoom, Enter opens the image in the middle." });
  const tip = el("div", { id: "tip", hidden: true });
  const legend = el("div", { class: "legend", role: "group", "aria-label": "Clusters on the map" });
  const selected = el("div", { class: "selected" });
  const colored = el("select", { class: "field", change: () => draw() },
    [["cluster", "cluster"], ["confidence", "confidence"], ...(images.labels ? [["label", "known class"]] : [])]
      .map(([value, text]) => el("option", { value }, text)));
  const withPictures = el("input", { type: "checkbox", checked: true, change: () => draw() });
  const zoomButton = (text, label, act) => el("button", { class: "button", type: "button", "aria-label": label, click: act }, text);
  place.append(
    el("div", { class: "toolbar" }, el("label", {}, "Color by", colored),
      images.run.hasPictures ? el("label", {}, withPictures, "Pictures") : null,
      el("span", { class: "grow" }), el("span", { class: "muted" }, "Similar images lie close together. Scroll to zoom, drag to move, click to open.")),
    el("div", { class: "atlas" }, el("div", { class: "stage" }, canvas, tip,
      el("div", { class: "zoom" }, zoomButton("+", "Zoom in", () => zoom(1.5)), zoomButton("−", "Zoom out", () => zoom(1 / 1.5)),
        zoomButton("⌂", "Show all", () => { home(); draw(); }))), legend), selected);

  const context = canvas.getContext("2d");
  const view = { scale: 1, x: 0, y: 0 }; // screen = map * scale + offset
  let [width, height] = [0, 0];
  let chosen = null;
  let frame = 0;
  let isMoving = false;
  let settle = 0;
  const loaded = new Map(); // pictures as Image elements

  const sx = (row) => images.x[row] * view.scale + view.x;
  const sy = (row) => images.y[row] * view.scale + view.y;

  function home() {
    const edge = 28;
    view.scale = (Math.min(width, height) - 2 * edge) / 65535;
    view.x = (width - 65535 * view.scale) / 2;
    view.y = (height - 65535 * view.scale) / 2;
  }

  function resize() {
    const box = canvas.getBoundingClientRect();
    if (!box.width) return;
    const isFirst = !width;
    [width, height] = [box.width, box.height];
    canvas.width = Math.round(width * devicePixelRatio);
    canvas.height = Math.round(height * devicePixelRatio);
    if (isFirst) home();
    draw();
  }

  function zoom(factor, at = [width / 2, height / 2]) {
    const least = (Math.min(width, height) - 56) / 65535;
    const scale = Math.max(least * 0.6, Math.min(least * 400, view.scale * factor));
    view.x = at[0] - (at[0] - view.x) * scale / view.scale;
    view.y = at[1] - (at[1] - view.y) * scale / view.scale;
    view.scale = scale;
    move();
  }

  /** Draw fewer points while the map moves, and all of them when it rests. */
  function move() {
    isMoving = true;
    clearTimeout(settle);
    settle = setTimeout(() => { isMoving = false; draw(); }, 160);
    draw();
  }

  function draw() {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(paint);
  }

  function colorer() {
    if (colored.value === "confidence") {
      const scale = Array.from({ length: 21 }, (_, i) => `oklch(${0.62 + 0.1 * (i / 20)} 0.17 ${25 + 225 * (i / 20)})`);
      return { count: 21, of: (row) => Math.round(20 * images.confidenceOf(row)), colors: scale };
    }
    if (colored.value === "label") {
      return { of: (row) => images.labels[row] + 1, color: (i) => (i ? color(i - 1) : "#888") };
    }
    const numbers = new Int32Array(tree.leaves);
    const { list } = state.cut;
    list.forEach((cluster, i) => { for (const leaf of cluster.leaves) numbers[leaf] = i; });
    return { of: (row) => numbers[tree.leafOf[row]], color: (i) => list[i].color };
  }

  function paint() {
    if (!width || place.hidden) return;
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.clearRect(0, 0, width, height);
    const { of, color: colorOf, colors } = colorer();
    const every = isMoving ? Math.ceil(images.n / POINTS_WHILE_MOVING) : 1;
    const byColor = new Map();
    const visible = [];
    for (let row = 0; row < images.n; row += every) {
      const [x, y] = [sx(row), sy(row)];
      if (x < -4 || y < -4 || x > width + 4 || y > height + 4) continue;
      visible.push(row);
      const group = isChosen(row) ? of(row) : -1;
      if (!byColor.has(group)) byColor.set(group, []);
      byColor.get(group).push(x, y);
    }
    const radius = Math.max(1.1, Math.min(5, 2.2 * Math.sqrt(2500 / Math.max(visible.length, 1))));
    const muted = getComputedStyle(document.documentElement).getPropertyValue("--line");
    for (const [group, points] of [...byColor].sort((a, b) => a[0] - b[0])) {
      context.fillStyle = group < 0 ? muted : colors?.[group] ?? colorOf(group);
      if (radius < 1.6) {
        for (let i = 0; i < points.length; i += 2) context.fillRect(points[i] - radius, points[i + 1] - radius, 2 * radius, 2 * radius);
        continue;
      }
      context.beginPath();
      for (let i = 0; i < points.length; i += 2) {
        context.moveTo(points[i] + radius, points[i + 1]);
        context.arc(points[i], points[i + 1], radius, 0, 2 * Math.PI);
      }
      context.fill();
    }
    if (withPictures.checked && images.run.hasPictures && !isMoving) paintPictures(visible, of, colors, colorOf);
  }

  /** Put pictures into the cells of a grid, one into each that has points, once there are few points to a cell. */
  function paintPictures(visible, of, colors, colorOf) {
    const columns = Math.ceil(width / (PICTURE + 6));
    const cells = new Map();
    for (const row of visible) {
      if (!isChosen(row)) continue;
      const cell = Math.floor(sy(row) / (PICTURE + 6)) * columns + Math.floor(sx(row) / (PICTURE + 6));
      if (!cells.has(cell) || (images.picture(cells.get(cell)) === undefined && images.picture(row) !== undefined)) cells.set(cell, row);
    }
    if (visible.length > 25 * cells.size) return;
    const missing = [];
    for (const row of cells.values()) {
      const source = images.picture(row);
      if (source === undefined) { missing.push(row); continue; }
      if (!source) continue;
      if (!loaded.has(row)) {
        const image = new Image();
        image.onload = () => draw();
        image.src = source;
        if (loaded.size > 4000) loaded.clear();
        loaded.set(row, image);
      }
      const image = loaded.get(row);
      if (!image.complete || !image.naturalWidth) continue;
      const size = PICTURE / Math.max(image.naturalWidth, image.naturalHeight);
      const [w, h] = [image.naturalWidth * size, image.naturalHeight * size];
      const [x, y] = [sx(row) - w / 2, sy(row) - h / 2];
      context.fillStyle = colors?.[of(row)] ?? colorOf(of(row));
      context.fillRect(x - 2, y - 2, w + 4, h + 4);
      context.imageSmoothingEnabled = size < 1;
      context.drawImage(image, x, y, w, h);
    }
    const parts = new Set(missing.map((row) => Math.floor(row / images.run.partSize)));
    if (parts.size && parts.size <= 4) images.load(missing, "pictures").then(draw);
  }

  function isChosen(row) {
    return chosen === null || state.cut.of[tree.leafOf[row]] === chosen;
  }

  function rowAt(x, y) {
    let [best, least] = [-1, REACH * REACH];
    for (let row = 0; row < images.n; row += 1) {
      if (!isChosen(row)) continue;
      const [dx, dy] = [sx(row) - x, sy(row) - y];
      const distance = dx * dx + dy * dy;
      if (distance < least) [best, least] = [row, distance];
    }
    return best;
  }

  async function hover(x, y) {
    const row = rowAt(x, y);
    tip.hidden = row < 0;
    if (row < 0 || tip.dataset.row === String(row)) { if (row >= 0) put(x, y); return; }
    tip.dataset.row = row;
    const cluster = tree.clusterOf(row, state.cut);
    const label = images.labelOf(row);
    const fill = () => {
      const source = images.picture(row);
      tip.replaceChildren(source ? picture(source, "") : "", el("div", {}, images.info(row)?.path ?? ""),
        el("div", { class: "muted" }, `${state.nameOf(cluster)}, ${share(images.confidenceOf(row))}${label ? `, ${label}` : ""}`));
      put(x, y);
    };
    fill();
    if (!images.info(row) && !images.isWhole) {
      await images.load([row], "rows");
      await images.load([row], "pictures");
      if (tip.dataset.row === String(row)) fill();
    }
  }

  function put(x, y) {
    tip.style.left = `${x > width - 220 ? x - tip.offsetWidth - 14 : x + 14}px`;
    tip.style.top = `${Math.max(6, Math.min(y + 14, height - tip.offsetHeight - 8))}px`;
  }

  function choose(number) {
    chosen = chosen === number ? null : number;
    list();
    draw();
    const cluster = chosen === null ? null : state.cut.cluster(chosen);
    selected.replaceChildren();
    if (cluster) selected.append(el("h3", {}, `${state.nameOf(cluster)}, typical images`), tiles.strip(examples.typical(cluster, 16)));
  }

  function list() {
    legend.replaceChildren(...state.cut.list.map((cluster) => el("button", {
      type: "button", "aria-pressed": String(chosen === cluster.number), click: () => choose(cluster.number),
    }, dotOf(cluster), el("span", {}, state.nameOf(cluster)), el("small", {}, thousands(cluster.size)))));
  }

  const pointers = new Map();
  let dragged = 0;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
    dragged = 0;
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) { hover(event.offsetX, event.offsetY); return; }
    const others = [...pointers].filter(([id]) => id !== event.pointerId);
    const now = [event.offsetX, event.offsetY];
    pointers.set(event.pointerId, now);
    tip.hidden = true;
    dragged += Math.abs(now[0] - before[0]) + Math.abs(now[1] - before[1]);
    if (others.length) {
      const [, other] = others[0];
      const apart = (a) => Math.hypot(a[0] - other[0], a[1] - other[1]);
      zoom(apart(now) / Math.max(apart(before), 1), other);
    } else if (dragged > 4) {
      view.x += now[0] - before[0];
      view.y += now[1] - before[1];
      move();
    }
  });
  const lift = (event) => {
    if (pointers.delete(event.pointerId) && dragged <= 4 && event.type === "pointerup") {
      const row = rowAt(event.offsetX, event.offsetY);
      if (row >= 0) open(row, [row]);
    }
  };
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
  canvas.addEventListener("pointerleave", () => { tip.hidden = true; });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)), [event.offsetX, event.offsetY]);
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
    if (step) { view.x += step[0]; view.y += step[1]; move(); }
    else if (event.key === "+" || event.key === "=") zoom(1.4);
    else if (event.key === "-") zoom(1 / 1.4);
    else if (event.key === "Enter") { const row = rowAt(width / 2, height / 2); if (row >= 0) open(row, [row]); }
    else return;
    event.preventDefault();
  });
  new ResizeObserver(resize).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  state.listen((what) => {
    if (what === "cut") { chosen = null; selected.replaceChildren(); }
    if (what !== "wrong") list();
    draw();
  });
  return { choose: (number) => { if (chosen !== number) choose(number); } };
}
