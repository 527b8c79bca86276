// The merge tree: which clusters there are at each number of clusters, and how they merge.

class Tree {
  static async open(run, images) {
    const data = readJson("tree");
    const tree = new Tree();
    tree.numbers = data.numbers;
    tree.own = data.own;
    tree.starts = data.starts; // of the leaves, which are ranges of rows
    tree.leaves = data.starts.length - 1;
    tree.noun = run.noun;
    const clusters = await unpack(data.clusters, Int32Array);
    for (let i = tree.leaves; i < clusters.length; i += 1) clusters[i] += clusters[i - tree.leaves];
    tree.clusters = clusters;
    tree.leafOf = new Int32Array(images.n);
    tree.confidence = new Float64Array(tree.leaves); // sums
    for (let leaf = 0; leaf < tree.leaves; leaf += 1) {
      for (let row = tree.starts[leaf]; row < tree.starts[leaf + 1]; row += 1) {
        tree.leafOf[row] = leaf;
        tree.confidence[leaf] += images.confidenceOf(row);
      }
    }
    if (images.labels) tree.classes = tree.countClasses(images.labels);
    tree.paint();
    tree.known = new Map();
    return tree;
  }

  size(leaf) { return this.starts[leaf + 1] - this.starts[leaf]; }

  /** The clusters of all leaves at the cut with this position in `numbers`. */
  row(index) { return this.clusters.subarray(index * this.leaves, (index + 1) * this.leaves); }

  /** The cut at a position: its number of clusters, the clusters, the largest first, and which one a leaf is in. */
  at(index) {
    if (this.known.has(index)) return this.known.get(index);
    const of = this.row(index);
    const found = new Map();
    for (let leaf = 0; leaf < this.leaves; leaf += 1) {
      if (!found.has(of[leaf])) found.set(of[leaf], { number: of[leaf], leaves: [], size: 0, confidence: 0 });
      const cluster = found.get(of[leaf]);
      cluster.leaves.push(leaf);
      cluster.size += this.size(leaf);
      cluster.confidence += this.confidence[leaf];
    }
    const list = [...found.values()].sort((a, b) => b.size - a.size || a.number - b.number);
    for (const cluster of list) {
      cluster.confidence /= cluster.size;
      cluster.key = cluster.leaves.join(" ");
      cluster.color = color(this.colors[index * this.leaves + cluster.leaves[0]]);
    }
    const cut = { index, number: this.numbers[index], of, list, cluster: (number) => found.get(number) };
    if (this.known.size > 50) this.known.clear();
    this.known.set(index, cut);
    return cut;
  }

  clusterOf(row, cut) { return cut.cluster(cut.of[this.leafOf[row]]); }

  /** How often each known class occurs in each leaf. */
  countClasses(labels) {
    const classes = Array.from({ length: this.leaves }, () => new Map());
    for (let row = 0; row < labels.length; row += 1) {
      const times = classes[this.leafOf[row]];
      if (labels[row] >= 0) times.set(labels[row], (times.get(labels[row]) ?? 0) + 1);
    }
    return classes;
  }

  /** The most frequent known class of a cluster {label, share}; null if none is known. */
  commonest(cluster) {
    const times = new Map();
    let known = 0;
    for (const leaf of cluster.leaves) {
      for (const [label, n] of this.classes?.[leaf] ?? []) { times.set(label, (times.get(label) ?? 0) + n); known += n; }
    }
    if (!known) return null;
    const [label, most] = [...times].sort((a, b) => b[1] - a[1])[0];
    return { label, share: most / known };
  }

  /** The position of the nearest number on offer. */
  nearestIndex(number) {
    let best = 0;
    for (let i = 1; i < this.numbers.length; i += 1) {
      if (Math.abs(this.numbers[i] - number) < Math.abs(this.numbers[best] - number)) best = i;
    }
    return best;
  }

  /** The clusters that a cluster merges with first, and the number of clusters at which it does. */
  merges(cluster, cut, most) {
    const found = [];
    const met = new Set([cluster.number]);
    for (let index = cut.index - 1; index >= 0 && found.length < most; index -= 1) {
      const of = this.row(index);
      for (const other of cut.list) {
        if (met.has(other.number) || of[other.leaves[0]] !== of[cluster.leaves[0]]) continue;
        met.add(other.number);
        found.push({ cluster: other, at: this.numbers[index] });
      }
    }
    return found.slice(0, most);
  }

  /** Give every cluster a color that it keeps: of a cluster that splits, one part keeps it, and the others get new ones. */
  paint() {
    this.colors = new Int32Array(this.clusters.length);
    const heirs = new Map(); // from a leaf to the color that goes where the leaf goes
    for (let index = 0; index < this.numbers.length; index += 1) {
      const of = this.row(index);
      const found = new Map();
      const largest = new Map();
      for (let leaf = 0; leaf < this.leaves; leaf += 1) {
        const cluster = of[leaf];
        if (heirs.has(leaf)) found.set(cluster, Math.min(found.get(cluster) ?? Infinity, heirs.get(leaf)));
        if (!largest.has(cluster) || this.size(leaf) > this.size(largest.get(cluster))) largest.set(cluster, leaf);
      }
      const bySize = [...largest.keys()].sort((a, b) => this.size(largest.get(b)) - this.size(largest.get(a)));
      for (const cluster of bySize) {
        if (found.has(cluster)) continue;
        found.set(cluster, heirs.size);
        heirs.set(largest.get(cluster), heirs.size);
      }
      for (let leaf = 0; leaf < this.leaves; leaf += 1) this.colors[index * this.leaves + leaf] = found.get(of[leaf]);
    }
  }
}

/** The color with a number: hues by the golden angle, so that the first few differ the most. */
function color(number) {
  const lightness = [0.64, 0.74, 0.55][Math.floor(number / 12) % 3];
  return `oklch(${lightness} 0.15 ${(250 + number * 137.508) % 360})`;
}
