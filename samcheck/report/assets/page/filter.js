"use strict";
/* Which checks and cells are looked at. Decided on what checks have in common, so that half a million take no time. */
const Filter = (() => {
  const OF_CELL = [...Data.AXES, "result", "day", "kind", "tier", "tag", "run"];
  const OF_DEFINITION = ["variant", "precision", "backend", "group"];
  const OF_WHY = ["outcome", "defect"];
  const NAMES = [...OF_CELL, ...OF_DEFINITION, ...OF_WHY];
  const texts = { cells: null, definitions: null, whys: null };

  /** The values that a cell has on an axis; several for tags. */
  function ofCell(cell, axis) {
    if (axis === "result") return [cell.outcome];
    if (axis === "tag") return cell.tags.length ? cell.tags : [""];
    return [cell[axis]];
  }

  /** Every value that an axis has somewhere, in its order. */
  function values(axis) {
    const found = new Set();
    if (OF_CELL.includes(axis))
      for (const cell of Data.cells) for (const each of ofCell(cell, axis)) found.add(each);
    else for (const each of OF_WHY.includes(axis) ? Data.whys : Data.definitions) found.add(each[axis]);
    return [...found].sort(Sort.compare(axis));
  }

  const mask = (items, fits) => Uint8Array.from(items, (item) => (fits(item) ? 1 : 0));

  /** The filters that are set; without one on runs, of each cell the newest counts. */
  function chosen(facets, axes) {
    const found = axes.filter((axis) => facets.get(axis)?.size).map((axis) => [axis, facets.get(axis)]);
    if (axes.includes("run") && !facets.has("run")) found.push(["run", new Set(["newest"])]);
    return found;
  }

  function prepare() {
    if (texts.cells) return;
    texts.cells = Data.cells.map((cell) =>
      [
        cell.name,
        cell.device,
        cell.driver,
        cell.numpy,
        cell.outcome,
        cell.reason,
        cell.day,
        cell.kind,
        ...cell.tags,
      ]
        .join("\n")
        .toLowerCase(),
    );
    texts.definitions = Data.definitions.map((each) => Object.values(each).join("\n").toLowerCase());
    texts.whys = Data.whys.map(({ outcome, defect, reason }) =>
      [outcome, defect, reason].join("\n").toLowerCase(),
    );
  }

  /** Cells and checks that fit, each as ascending numbers, and whether checks were chosen among. */
  function select({ facets, text }) {
    prepare();
    const [cellFacets, definitionFacets, whyFacets] = [OF_CELL, OF_DEFINITION, OF_WHY].map((axes) =>
      chosen(facets, axes),
    );
    const cells = mask(Data.cells, (cell) =>
      cellFacets.every(([axis, set]) => ofCell(cell, axis).some((each) => set.has(each))),
    );
    const definitions = mask(Data.definitions, (each) =>
      definitionFacets.every(([axis, set]) => set.has(each[axis])),
    );
    const whys = mask(Data.whys, (each) => whyFacets.every(([axis, set]) => set.has(each[axis])));
    const terms = text
      .toLowerCase()
      .split(/\s+/)
      .filter(Boolean)
      .map((term) => ({
        cells: mask(texts.cells, (each) => each.includes(term)),
        definitions: mask(texts.definitions, (each) => each.includes(term)),
        whys: mask(texts.whys, (each) => each.includes(term)),
      }));
    const narrowed = definitionFacets.length + whyFacets.length > 0;
    const rows = fitting(cells, definitions, whys, terms);
    return { rows, cells: cellsWith(rows, cells, terms, narrowed), narrowed: narrowed || terms.length > 0 };
  }

  function fitting(cells, definitions, whys, terms) {
    const { rowCell, rowDefinition, rowWhy } = Data;
    const found = new Int32Array(rowCell.length);
    let size = 0;
    for (let row = 0; row < rowCell.length; row++) {
      const cell = rowCell[row],
        definition = rowDefinition[row],
        why = rowWhy[row];
      if (!(cells[cell] & definitions[definition] & whys[why])) continue;
      let fits = true;
      for (const term of terms) fits &&= term.cells[cell] | term.definitions[definition] | term.whys[why];
      if (fits) found[size++] = row;
    }
    return found.subarray(0, size);
  }

  /** Cells with a check that fits; where none was asked for, also those that have no check at all. */
  function cellsWith(rows, cells, terms, narrowed) {
    const has = new Uint8Array(cells.length);
    for (const row of rows) has[Data.rowCell[row]] = 1;
    const found = [];
    for (let at = 0; at < cells.length; at++) {
      const itself = !narrowed && cells[at] && terms.every((term) => term.cells[at]);
      if (has[at] || itself) found.push(at);
    }
    return found;
  }

  return { NAMES, OF_CELL, OF_DEFINITION, OF_WHY, ofCell, select, values };
})();
