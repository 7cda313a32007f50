"use strict";
/* Runs of one environment: what ran only some variants or groups of checks is no row of its own. */
const Runs = (() => {
  /** Of a selection: what was made of it. */
  const remembered = new WeakMap();

  /**
   * {leads, lead, members}: the run that stands for each selected environment, the lead of every selected cell, and
   * of a lead the runs that it stands for. A run that a newer one replaced stands for itself.
   */
  function of(selection) {
    if (!remembered.has(selection)) remembered.set(selection, grouped(selection.cells));
    return remembered.get(selection);
  }

  function grouped(cells) {
    const members = new Map(),
      lead = new Int32Array(Data.cells.length).fill(-1);
    for (const runs of d3.group(cells, key).values()) {
      const first = runs.reduce((best, at) => (before(Data.cells[at], Data.cells[best]) ? at : best));
      members.set(first, runs);
      for (const at of runs) lead[at] = first;
    }
    return { leads: [...members.keys()], lead, members };
  }

  function key(at) {
    const { device, driver, id, run } = Data.cells[at];
    return run === "older" ? at : [device, driver, id].join("\n");
  }

  /** A run of everything leads, and of several the last one. */
  const before = (a, b) => (!a.only === !b.only ? a.finished > b.finished : !a.only);

  /** The environment, and what of it ran where nothing ran all. */
  function nameOf(runs) {
    const cells = runs.map((at) => Data.cells[at]);
    if (cells.some(({ only }) => !only)) return cells[0].id;
    return `${cells[0].id} (only ${cells.map(({ only }) => only).join("; ")})`;
  }

  /** The other runs of the environment of a cell that count. */
  function others(cell) {
    if (cell.run === "older") return [];
    return Data.cells.filter((other) => other !== cell && key(other.at) === key(cell.at));
  }

  return { nameOf, of, others };
})();
