"use strict";
/* Which checks and cells are looked at. Decided on what checks have in common, so that millions take little time. */
const Filter = (() => {
  const OF_CELL = [...Data.AXES, "result", "day", "kind", "tier", "tag", "run"];
  const OF_DEFINITION = ["variant", "precision", "backend", "group"];
  const OF_WHY = ["outcome", "defect"];
  const NAMES = [...OF_CELL, ...OF_DEFINITION, ...OF_WHY];
  const texts = { cells: null, definitions: null, whys: null };
  let everything;

  /** The values that a cell has on an axis; several for tags. */
  function ofCell(cell, axis) {
    if (axis === "result") return [cell.outcome];
    if (axis === "tag") return cell.tags.length ? cell.tags : [""];
    return [cell[axis]];
  }

  /** Every value that an axis has somewhere, in its order. */
  function values(axis) {
    const distinct = new Set();
    if (OF_CELL.includes(axis))
      for (const cell of Data.cells) for (const value of ofCell(cell, axis)) distinct.add(value);
    else for (const item of OF_WHY.includes(axis) ? Data.whys : Data.definitions) distinct.add(item[axis]);
    return [...distinct].sort(Sort.compare(axis));
  }

  function mask(items, fits) {
    const fitting = new Uint8Array(items.length);
    for (let at = 0; at < items.length; at++) fitting[at] = fits(items[at]) ? 1 : 0;
    return fitting;
  }

  const allOf = (chosen, has) =>
    chosen.length ? (item) => chosen.every(([axis, set]) => has(item, axis, set)) : () => true;

  /** The filters that are set; without one on runs, of each cell the newest counts. */
  function chosen(facets, axes) {
    const filters = axes.filter((axis) => facets.get(axis)?.size).map((axis) => [axis, facets.get(axis)]);
    if (axes.includes("run") && !facets.has("run")) filters.push(["run", new Set(["newest"])]);
    return filters;
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
    texts.definitions = Data.definitions.map((definition) =>
      Object.values(definition).join("\n").toLowerCase(),
    );
    texts.whys = Data.whys.map(({ outcome, defect, reason }) =>
      [outcome, defect, reason].join("\n").toLowerCase(),
    );
  }

  /** Cells and checks that fit, each as ascending numbers, and whether checks were chosen among. */
  function select({ facets, text }) {
    // Where everybody starts and comes back to: what is known of it is kept with it.
    if (!facets.size && !text.trim()) return (everything ??= among(facets, text));
    return among(facets, text);
  }

  function among(facets, text) {
    const [cellFacets, definitionFacets, whyFacets] = [OF_CELL, OF_DEFINITION, OF_WHY].map((axes) =>
      chosen(facets, axes),
    );
    const ofOne = (item, axis, set) => set.has(item[axis]);
    const cells = mask(
      Data.cells,
      allOf(cellFacets, (cell, axis, set) => ofCell(cell, axis).some((value) => set.has(value))),
    );
    const definitions = mask(Data.definitions, allOf(definitionFacets, ofOne));
    const whys = mask(Data.whys, allOf(whyFacets, ofOne));
    const terms = text.toLowerCase().split(/\s+/).filter(Boolean).map(term);
    const narrowed = definitionFacets.length + whyFacets.length > 0;
    const { rows, has } = fitting(cells, definitions, whys, terms);
    return { rows, cells: cellsWith(has, cells, terms, narrowed), narrowed: narrowed || terms.length > 0 };
  }

  function term(word) {
    prepare();
    const having = (texts) => mask(texts, (text) => text.includes(word));
    return { cells: having(texts.cells), definitions: having(texts.definitions), whys: having(texts.whys) };
  }

  /** The checks that fit, and whether a cell has any. A term may be in the cell, in what the check is, or in why. */
  function fitting(cells, definitions, whys, terms) {
    const { start, rowDefinition, rowWhy } = Data;
    const rows = new Int32Array(rowWhy.length),
      has = new Uint8Array(cells.length);
    let size = 0;
    for (let cell = 0; cell < cells.length; cell++) {
      if (!cells[cell]) continue;
      const before = size,
        end = start[cell + 1],
        open = terms.filter((term) => !term.cells[cell]);
      for (let row = start[cell]; row < end; row++) {
        const definition = rowDefinition[row],
          why = rowWhy[row];
        let fits = definitions[definition] & whys[why];
        for (let at = 0; at < open.length; at++)
          fits &= open[at].definitions[definition] | open[at].whys[why];
        if (fits) rows[size++] = row;
      }
      has[cell] = size > before ? 1 : 0;
    }
    return { rows: rows.subarray(0, size), has };
  }

  /** Cells with a check that fits; where none was asked for, also those that have no check at all. */
  function cellsWith(has, cells, terms, narrowed) {
    const fitting = [];
    for (let at = 0; at < cells.length; at++) {
      const itself = !narrowed && cells[at] && terms.every((term) => term.cells[at]);
      if (has[at] || itself) fitting.push(at);
    }
    return fitting;
  }

  return { NAMES, OF_CELL, OF_DEFINITION, OF_WHY, ofCell, select, values };
})();
