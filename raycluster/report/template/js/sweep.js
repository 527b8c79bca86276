// The page of a sweep: what was found, and the table of trials; the plots are in the page already.

const sweep = readJson("sweep");
byId("top").append(el("p", { class: "eyebrow" }, "Sweep"), el("h1", {}, sweep.title),
  el("p", { class: "lede" }, sweep.highest === null ? "No trial has finished yet." : `${sweep.counts}. Red marks the highest ${sweep.objective}, ${sweep.highest}.`),
  sweep.note ? el("p", {}, sweep.note) : null,
  sweep.best ? el("p", {}, el("a", { href: sweep.best }, "Look at the clusters of the best trial")) : null);
if (sweep.trials.length) byId("trials").append(el("h2", {}, "Trials"), table(sweep.trials));
document.documentElement.dataset.ready = "yes";
