// What the reader has chosen and corrected: the cut, names of clusters, and images marked as wrong.

class State {
  constructor(tree) {
    this.tree = tree;
    this.cut = tree.at(tree.own);
    this.names = new Map(); // by the leaves of a cluster, so that a name stays where the cluster stays
    this.wrong = new Set();
    this.isSaved = true;
    this.listeners = [];
    window.addEventListener("beforeunload", (event) => { if (!this.isSaved) event.preventDefault(); });
  }

  /** Call a function now and after every change, with what has changed: "cut", "names" or "wrong". */
  listen(listener) { this.listeners.push(listener); listener("cut"); }

  tell(what) { for (const listener of this.listeners) listener(what); }

  setCut(index) {
    if (index === this.cut.index) return;
    this.cut = this.tree.at(index);
    this.tell("cut");
  }

  nameOf(cluster) { return this.names.get(cluster.key) || `Cluster ${cluster.number}`; }

  rename(cluster, name) {
    if (name.trim()) this.names.set(cluster.key, name.trim());
    else this.names.delete(cluster.key);
    this.isSaved = false;
    this.tell("names");
  }

  mark(row, isWrong) {
    if (isWrong) this.wrong.add(row);
    else this.wrong.delete(row);
    this.isSaved = false;
    this.tell("wrong");
  }
}
