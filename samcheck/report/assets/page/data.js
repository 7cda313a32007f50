"use strict";
/* The results: blocks of deflated lines of JSON in the page, and columns over all checks made from them. */
const Data = (() => {
  const data = {
    meta: null,
    cells: [],
    definitions: [],
    whys: [],
    /** Of every check: its cell, what it is, and what became of it, as numbers into the three above. */
    rowCell: null,
    rowDefinition: null,
    rowWhy: null,
    /** Of every cell, its first check; one more entry at the end. */
    start: null,
    /** Of every why, the place of its outcome among those from the worst to the best, and whether it fails a cell. */
    whyRank: null,
    whyBad: null,
  };
  const AXES = ["device", "driver", "torch", "cuda", "python", "numpy"];
  const opened = new Map();

  async function text(name) {
    const element = document.getElementById(`data-${name}`);
    if (!element) return null;
    const packed = atob(element.textContent);
    const bytes = new Uint8Array(packed.length);
    for (let at = 0; at < packed.length; at++) bytes[at] = packed.charCodeAt(at);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Response(stream).text();
  }

  /** The lines of a block, the last of them apart; null where the page was made without it. */
  async function block(name) {
    if (!opened.has(name)) {
      opened.set(
        name,
        text(name).then((content) => {
          if (content === null) return null;
          const lines = JSON.parse(`[${content.trimEnd().replaceAll("\n", ",")}]`);
          return { tables: lines.pop(), cells: lines };
        }),
      );
    }
    return opened.get(name);
  }

  async function load() {
    const { tables, cells } = await block("index");
    opened.delete("index");
    const names = tables.fields;
    data.meta = tables.meta;
    data.definitions = tables.definitions.map(([check, group, variant, precision, backend]) => ({
      check,
      group,
      variant,
      precision,
      backend,
    }));
    data.whys = tables.whys.map(([outcome, defect, reason], at) => ({ outcome, defect, reason, at }));
    data.whyRank = Uint8Array.from(data.whys, ({ outcome }) => data.meta.severity.indexOf(outcome));
    data.whyBad = Uint8Array.from(data.whys, ({ outcome }) => (data.meta.bad.includes(outcome) ? 1 : 0));
    data.cells = cells.map((line) => Object.fromEntries(names.map((name, at) => [name, line[at]])));
    spread(tables.layouts);
    data.cells.forEach(describe);
    markNewest();
  }

  /** Cells → columns over all checks. */
  function spread(layouts) {
    data.start = new Int32Array(data.cells.length + 1);
    data.cells.forEach((cell, at) => (data.start[at + 1] = data.start[at] + layouts[cell.layout].length));
    const size = data.start[data.cells.length];
    data.rowCell = new Int32Array(size);
    data.rowDefinition = new Int32Array(size);
    data.rowWhy = new Int32Array(size);
    const definitions = layouts.map((layout) => Int32Array.from(layout)),
      last = [];
    data.cells.forEach((cell, at) => {
      data.rowCell.fill(at, data.start[at], data.start[at + 1]);
      data.rowDefinition.set(definitions[cell.layout], data.start[at]);
      const whys = data.rowWhy.subarray(data.start[at], data.start[at + 1]);
      if (cell.changes === null) whys.set(cell.whys);
      else {
        whys.set(last[cell.layout]);
        for (let next = 0; next < cell.changes.length; next += 2)
          whys[cell.changes[next]] = cell.changes[next + 1];
      }
      last[cell.layout] = whys;
      delete cell.whys;
      delete cell.changes;
    });
  }

  function describe(cell, at) {
    cell.at = at;
    cell.day = cell.finished.slice(0, 10);
    cell.name = cell.id + (cell.only ? ` (only ${cell.only})` : "");
    cell.key = [cell.device, cell.driver, cell.name].join("\n");
  }

  /** The last run of each cell is the one that counts; the ones before are its history. */
  function markNewest() {
    const last = new Map();
    for (const cell of data.cells) {
      const before = last.get(cell.key);
      if (!before || before.finished <= cell.finished) last.set(cell.key, cell);
    }
    for (const cell of data.cells) cell.run = last.get(cell.key) === cell ? "newest" : "older";
  }

  /** Rows of one cell that fit, as numbers. */
  function rowsOf(cell, fits = () => true) {
    const rows = [];
    for (let row = data.start[cell]; row < data.start[cell + 1]; row++) if (fits(row)) rows.push(row);
    return rows;
  }

  /** Whether a check has all of `within`, e.g. {group: "dtype"}. */
  const fits = (row, within) =>
    Object.entries(within).every(([axis, value]) => definition(row)[axis] === value);

  const definition = (row) => data.definitions[data.rowDefinition[row]];
  const why = (row) => data.whys[data.rowWhy[row]];
  const cellOf = (row) => data.cells[data.rowCell[row]];

  /**
   * Seconds, metrics and time of a check; empty where the page was made without numbers. `having` keeps of some
   * rows those that have one of some metrics, and `timed` those that were timed, since reading millions of them
   * takes its time.
   */
  async function numbers() {
    const numbersBlock = await block("numbers");
    if (!numbersBlock)
      return Object.assign(() => ({ seconds: null, metrics: {} }), { having: () => [], timed: () => [] });
    const { shapes } = numbersBlock.tables;
    const having = (rows, names) => {
      const fits = shapes.map((shape) => names.some((name) => shape.includes(name)));
      return rows.filter((row) => {
        const at = data.rowCell[row];
        return fits[numbersBlock.cells[at].shape[row - data.start[at]]];
      });
    };
    const offsets = numbersBlock.cells.map((cell) => {
      let next = 0;
      return cell.shape.map((shape) => (next += shapes[shape].length) - shapes[shape].length);
    });
    const read = (row) => {
      const at = data.rowCell[row],
        index = row - data.start[at],
        cell = numbersBlock.cells[at];
      const names = shapes[cell.shape[index]],
        from = offsets[at][index];
      return {
        seconds: cell.seconds[index],
        time: cell.times[index],
        metrics: Object.fromEntries(names.map((name, number) => [name, cell.values[from + number]])),
      };
    };
    const timed = (rows) =>
      numbersBlock.cells
        .flatMap(({ times }, at) => Object.keys(times).map((index) => data.start[at] + Number(index)))
        .filter((row) => rows[d3.bisectLeft(rows, row)] === row);
    return Object.assign(read, { having, timed });
  }

  /** The series of a check, one for each process; most checks have none. */
  async function samples() {
    const samplesBlock = await block("samples");
    return (row) => samplesBlock?.cells[data.rowCell[row]][row - data.start[data.rowCell[row]]] ?? [];
  }

  return Object.assign(data, { AXES, block, cellOf, definition, fits, load, numbers, rowsOf, samples, why });
})();
