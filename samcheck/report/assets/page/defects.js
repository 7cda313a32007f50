"use strict";
/* Known defects: in how many environments each shows, and whether some are free of it. */
const Defects = (() => {
  const remembered = new WeakMap();
  /** The names of all; of every why its defect, or -1; and whether it says that a check held. */
  let all;

  function prepare() {
    const known = Data.whys.filter(({ outcome }) => outcome === "known");
    const names = [...new Set(known.map(({ defect }) => defect))],
      numbers = new Map(names.map((name, at) => [name, at]));
    const number = ({ outcome, defect }) => (outcome === "known" ? numbers.get(defect) : -1);
    return {
      names,
      ofWhy: Int32Array.from(Data.whys, number),
      holds: Uint8Array.from(Data.whys, ({ outcome }) => (/^(passed|fixed)$/.test(outcome) ? 1 : 0)),
    };
  }

  /** [{name, cells, some}]; `some`: in an environment a check passed that shows the defect elsewhere. */
  function of(selection) {
    all ??= prepare();
    if (!remembered.has(selection)) remembered.set(selection, counted(selection));
    return remembered.get(selection);
  }

  function counted({ rows }) {
    const found = all.names.map((name) => ({ name, cells: 0, some: false, last: -1 })),
      carried = carriers(rows);
    for (let at = 0; at < rows.length;) at = throughCell(rows, at, found, carried);
    return found
      .filter(({ cells }) => cells)
      .sort((a, b) => b.cells - a.cells || Sort.compare("")(a.name, b.name));
  }

  /** Per definition: the defects that it shows somewhere; null for none. */
  function carriers(rows) {
    const { rowWhy, rowDefinition, definitions } = Data,
      { ofWhy } = all;
    const found = new Array(definitions.length).fill(null),
      last = new Int32Array(definitions.length).fill(-1);
    for (let at = 0; at < rows.length; at++) {
      const defect = ofWhy[rowWhy[rows[at]]],
        definition = rowDefinition[rows[at]];
      if (defect < 0 || last[definition] === defect) continue;
      last[definition] = defect;
      (found[definition] ??= new Set()).add(defect);
    }
    return found.map((defects) => defects && [...defects]);
  }

  /** Counts the checks of one cell, which are one behind the other; where those of the next begin. */
  function throughCell(rows, from, found, carried) {
    const { rowWhy, rowDefinition, rowCell, start } = Data,
      { ofWhy, holds } = all;
    const cell = rowCell[rows[from]],
      end = start[cell + 1],
      free = [];
    let at = from;
    for (; at < rows.length && rows[at] < end; at++) {
      const why = rowWhy[rows[at]],
        defect = ofWhy[why];
      if (defect >= 0 && found[defect].last !== cell) {
        found[defect].last = cell;
        found[defect].cells++;
      }
      const carries = holds[why] ? carried[rowDefinition[rows[at]]] : null;
      if (carries) free.push(...carries);
    }
    for (const defect of free) if (found[defect].last !== cell) found[defect].some = true;
    return at;
  }

  return { of };
})();
