"use strict";
/* Which results are set beside which, when two of something are compared. */
const Pairs = (() => {
  /** By what is compared: its values, and what two results must have in common to be set side by side. */
  const AXES = {
    cell: { title: "two environments", of: (cell) => label(cell), same: () => "" },
    device: { title: "two devices", of: (cell) => cell.device, same: (cell) => cell.name },
    driver: {
      title: "two drivers",
      of: (cell) => cell.driver,
      same: (cell) => `${cell.device}\n${cell.name}`,
    },
    day: { title: "two dates", of: (cell) => cell.day, same: (cell) => cell.key },
  };

  /** A result in words that no other result has. */
  function label(cell) {
    return `${cell.name} · ${cell.device} · ${cell.driver} · ${cell.finished.slice(0, 16)}`;
  }

  const values = (axis) => [...new Set(Data.cells.map(AXES[axis].of))].sort(Sort.compare(axis));

  /** Pairs of cell numbers; of several runs of one cell on a side, the last. */
  function of(axis, a, b) {
    const sides = [a, b].map((value) => {
      const cells = new Map();
      for (const cell of Data.cells)
        if (AXES[axis].of(cell) === value) cells.set(AXES[axis].same(cell), cell.at);
      return cells;
    });
    return [...sides[0]].filter(([key]) => sides[1].has(key)).map(([key, at]) => [at, sides[1].get(key)]);
  }

  /** The checks of both sides: {cells, definition, a, b}, a row or -1 on each side. */
  function checks([first, second]) {
    const rows = new Map(
      Data.rowsOf(first).map((row) => [Data.rowDefinition[row], { cells: [first, second], a: row, b: -1 }]),
    );
    for (const row of Data.rowsOf(second)) {
      const known = rows.get(Data.rowDefinition[row]);
      if (known) known.b = row;
      else rows.set(Data.rowDefinition[row], { cells: [first, second], a: -1, b: row });
    }
    return [...rows].map(([definition, pair]) => ({ ...pair, definition: Data.definitions[definition] }));
  }

  return { AXES, checks, label, of, values };
})();
