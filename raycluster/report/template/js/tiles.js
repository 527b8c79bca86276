// A picture that can be opened, and rows of them that fill when they come into view.

const FEW_PIXELS = 48;

function picture(source, alt) {
  const image = el("img", { alt, decoding: "async", load: () => {
    image.classList.toggle("pixels", Math.max(image.naturalWidth, image.naturalHeight) <= FEW_PIXELS);
  } });
  image.src = source;
  return image;
}

/** Tiles of some images, each a button that opens the image among the others. */
class Tiles {
  constructor(images, state, open) {
    this.images = images;
    this.state = state;
    this.open = open;
    state.listen((what) => { if (what === "wrong") this.mark(); });
  }

  mark() {
    for (const tile of document.querySelectorAll(".tile")) {
      tile.classList.toggle("wrong", this.state.wrong.has(Number(tile.dataset.row)));
    }
  }

  tile(row, rows) {
    const tile = el("button", { class: "tile", type: "button", "data-row": row, click: () => this.open(row, rows) });
    tile.classList.toggle("wrong", this.state.wrong.has(row));
    const fill = () => {
      const info = this.images.info(row);
      const source = this.images.picture(row);
      const path = info ? info.path : `image ${row}`;
      tile.title = path;
      if (source) tile.replaceChildren(picture(source, path));
      else tile.replaceChildren(el("span", { class: "path" }, path));
    };
    if (this.images.info(row) && this.images.picture(row) !== undefined) fill();
    else Promise.all([this.images.load([row], "rows"), this.images.load([row], "pictures")]).then(fill);
    return tile;
  }

  strip(rows, among = rows, small = false) {
    return el("div", { class: small ? "tiles small" : "tiles" }, rows.map((row) => this.tile(row, among)));
  }
}

const watched = new WeakMap();
const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    watcher.unobserve(entry.target);
    watched.get(entry.target)();
  }
}, { rootMargin: "600px" });

/** Call a function when an element comes near the window. */
function whenSeen(element, fill) {
  watched.set(element, fill);
  watcher.observe(element);
}

/** Fill all that is waiting, which printing needs. */
window.addEventListener("beforeprint", () => {
  for (const card of document.querySelectorAll(".waiting")) { watcher.unobserve(card); watched.get(card)?.(); }
});
