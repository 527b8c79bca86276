// The images: what the page holds of each, and what it loads from the folder beside it.

const KEPT = { rows: 400, pictures: 60 }; // parts in memory

/** Return an array that was deflated and encoded in base64. */
async function unpack(text, Kind) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Kind(await new Response(stream).arrayBuffer());
}

/** Images by row. Those of a leaf of the tree follow one another, the most central first. */
class Images {
  static async open(run) {
    const [columns, rows, pictures] = ["columns", "rows", "pictures"].map(readJson);
    const images = new Images();
    images.run = run;
    images.n = run.images;
    images.confidence = await unpack(columns.confidence, Uint16Array);
    images.x = await unpack(columns.x, Uint16Array);
    images.y = await unpack(columns.y, Uint16Array);
    images.labels = columns.label ? await unpack(columns.label, Int32Array) : null;
    images.held = rows.rows; // by the page itself
    images.page = { rows: byRow(rows), pictures: new Map(rows.rows.map((row, i) => [row, pictures[i]])) };
    images.parts = { rows: new Map(), pictures: new Map() };
    images.loading = new Map();
    window.rayclusterPart = (token, kind, number, data) => images.receive(token, kind, number, data);
    return images;
  }

  get isWhole() { return this.held.length === this.n; }

  confidenceOf(row) { return this.confidence[row] / 65535; }

  labelOf(row) {
    if (!this.labels || this.labels[row] < 0) return "";
    return this.run.classes?.[this.labels[row]] ?? String(this.labels[row]);
  }

  /** What is known of an image {id, path, near, similar, outlying}; undefined while it is not loaded. */
  info(row) { return this.find("rows", row); }

  /** Its picture as a data URL, "" if there is none, undefined while it is not loaded. */
  picture(row) {
    const found = this.run.hasPictures ? this.find("pictures", row) : "";
    return found && `data:image/${found}`;
  }

  find(kind, row) {
    return this.page[kind].get(row) ?? this.parts[kind].get(Math.floor(row / this.run.partSize))?.get(row);
  }

  /** Load what is missing of some rows; kind is "rows" or "pictures". */
  async load(rows, kind) {
    if (kind === "pictures" && !this.run.hasPictures) return;
    const missing = rows.filter((row) => this.find(kind, row) === undefined);
    const parts = new Set(missing.map((row) => Math.floor(row / this.run.partSize)));
    await Promise.all([...parts].map((part) => this.loadPart(kind, part)));
  }

  loadPart(kind, number) {
    if (this.parts[kind].has(number)) return Promise.resolve(this.parts[kind].get(number));
    const source = `report/${kind}-${String(number).padStart(5, "0")}.js`;
    if (!this.loading.has(source)) {
      this.loading.set(source, new Promise((done) => {
        const script = el("script", {
          src: source,
          load: () => { script.remove(); this.loading.delete(source); done(this.parts[kind].get(number)); },
          error: () => { script.remove(); this.loading.delete(source); this.miss(); done(new Map()); },
        });
        document.head.append(script);
      }));
    }
    return this.loading.get(source);
  }

  receive(token, kind, number, data) {
    if (token !== this.run.token) { this.miss(); return; }
    const kept = this.parts[kind];
    if (kept.size >= KEPT[kind]) kept.delete(kept.keys().next().value);
    kept.set(number, kind === "rows" ? byRow(data) : new Map(data.rows.map((row, i) => [row, data.pictures[i]])));
  }

  miss() {
    notify("Part of the images is missing: keep the folder report/ of the run beside this page.");
  }

  /** Call visit(row, info) for all images, part by part; stop when it returns false. */
  async each(visit, progress = () => {}) {
    if (this.isWhole) {
      for (const row of this.held) if (visit(row, this.info(row)) === false) return;
      return;
    }
    const parts = Math.ceil(this.n / this.run.partSize);
    for (let number = 0; number < parts; number += 1) {
      const part = await this.loadPart("rows", number);
      for (const [row, info] of part ?? []) if (visit(row, info) === false) return;
      progress((number + 1) / parts);
    }
  }
}

function byRow(data) {
  const infos = data.rows.map((row, i) => [row, {
    id: data.ids[i], path: data.paths[i], near: data.near[i], similar: data.similar[i], outlying: data.outlying[i],
  }]);
  return new Map(infos);
}
