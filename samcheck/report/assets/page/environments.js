"use strict";
/* A row per environment, a field per group of checks, or per variant and precision. */
const Environments = (() => {
  const { el, outcome } = Dom;
  const AXIS_COLUMNS = [
    ["device", 170],
    ["driver", 110],
    ["torch", 84],
    ["cuda", 72],
    ["python", 78],
    ["numpy", 76],
    ["kind", 76],
    ["tier", 62],
  ];
  const WAYS = {
    group: ({ group }) => [group],
    variant: ({ variant, precision }) => (variant && precision ? [variant, precision] : null),
    backend: ({ variant, backend }) => (variant && backend ? [variant, backend] : null),
  };
  const TITLES = {
    group: "group of checks",
    variant: "variant and precision",
    backend: "variant and backend",
  };
  const ORDERS = { group: ["group"], variant: ["variant", "precision"], backend: ["variant", "backend"] };

  /** Of a selection: what was made of it for each way. */
  const known = new WeakMap();

  /** Columns of the way that is chosen, in their order, and the column of every definition (-1: none). */
  function layout(way) {
    const keys = Data.definitions.map((definition) => WAYS[way](definition));
    const distinct = [...new Map(keys.filter(Boolean).map((key) => [key.join("\n"), key])).values()];
    distinct.sort((a, b) =>
      ORDERS[way].reduce((sum, axis, at) => sum || Sort.compare(axis)(a[at], b[at]), 0),
    );
    const numbers = new Map(distinct.map((key, at) => [key.join("\n"), at]));
    return { names: distinct, of: Int32Array.from(keys, (key) => (key ? numbers.get(key.join("\n")) : -1)) };
  }

  /** Per cell and column: the worst outcome's rank, how often that is, and how many checks there are. */
  function fields({ rows }, { names, of }) {
    const size = Data.cells.length * names.length;
    const worst = new Uint8Array(size).fill(255),
      times = new Uint32Array(size),
      all = new Uint32Array(size);
    const { rowCell, rowDefinition, rowWhy, whyRank } = Data;
    for (let at = 0; at < rows.length; at++) {
      const row = rows[at],
        column = of[rowDefinition[row]];
      if (column < 0) continue;
      const field = rowCell[row] * names.length + column,
        rank = whyRank[rowWhy[row]];
      all[field]++;
      if (rank < worst[field]) {
        worst[field] = rank;
        times[field] = 1;
      } else if (rank === worst[field]) times[field]++;
    }
    return { worst, times, all };
  }

  function planned(way, selection) {
    if (!known.has(selection)) known.set(selection, {});
    const ways = known.get(selection),
      plan = ways[way]?.plan ?? layout(way);
    return (ways[way] ??= { plan, values: fields(selection, plan) });
  }

  function within(way, key) {
    return Object.fromEntries(ORDERS[way].map((axis, at) => [axis, key[at]]));
  }

  function columnsOf({ names }, { worst, times, all }, cells) {
    const vary = AXIS_COLUMNS.filter(([axis]) => new Set(cells.map((at) => Data.cells[at][axis])).size > 1);
    const axis = ([name, width]) => ({
      id: name,
      name: Facets.TITLES[name],
      width,
      show: (at) => Data.cells[at][name] || "–",
    });
    const field = (key, number) => ({
      id: `field:${key.join(" ")}`,
      name: key.join(" "),
      width: 140,
      key,
      show: (at) => {
        const place = at * names.length + number,
          word = Data.meta.severity[worst[place]];
        if (!all[place]) return el("span", { class: "outcome absent" }, "– not there");
        return outcome(
          word,
          word === "passed" || times[place] === all[place] ? "" : `${times[place]}/${all[place]}`,
        );
      },
      rank: (at) => worst[at * names.length + number],
      most: 255,
    });
    const inside = ["torch", "cuda", "python", "tier"];
    return [
      {
        id: "name",
        name: "Environment",
        width: innerWidth < 700 ? 208 : 300,
        show: (at) =>
          el("span", { class: "name", title: Dom.plain(Data.cells[at].name) }, Data.cells[at].name),
      },
      { id: "result", name: "Outcome", width: 110, show: (at) => outcome(Data.cells[at].outcome) },
      ...vary.filter(([name]) => !inside.includes(name)).map(axis),
      { id: "day", name: "Date", width: 96, show: (at) => Data.cells[at].day },
      ...names.map(field),
      ...vary.filter(([name]) => inside.includes(name)).map(axis),
    ];
  }

  function ordered(cells, columns) {
    const { field, descending } = Sort.parse(State.sort);
    const column = columns.find((candidate) => candidate.id === field);
    if (column?.rank) return Sort.byRank(cells, column.rank, column.most, descending);
    const name = column ? field : "name";
    const key = (cell) => (name === "result" ? `${Dom.kind(cell.outcome)} ${cell.outcome}` : cell[name]);
    const ranks = Sort.ranks(Data.cells, key, name);
    return Sort.byRank(cells, (at) => ranks[at], Data.cells.length, descending);
  }

  /** What all rows have in common, which needs no column. */
  function shared(cells) {
    const same = AXIS_COLUMNS.map(([axis]) => [
      axis,
      [...new Set(cells.map((at) => Data.cells[at][axis]))],
    ]).filter(([, values]) => values.length === 1);
    return same.map(([axis, [value]]) => `${Facets.TITLES[axis]} ${value || "–"}`).join(" · ");
  }

  function show(container, selection) {
    const way = State.columns in WAYS ? State.columns : "group";
    const { plan, values } = planned(way, selection),
      columns = columnsOf(plan, values, selection.cells);
    const cells = ordered(selection.cells, columns);
    const table = el("div", { class: "grid" });
    Dom.fill(
      container,
      el(
        "div",
        { class: "tools" },
        Dom.choice(
          "A column per",
          Object.entries(TITLES),
          way,
          (columns) => State.set({ columns }),
          "columns",
        ),
        Sorter.make(columns),
      ),
      el(
        "p",
        { class: "quiet" },
        `In all rows: ${shared(selection.cells) || "nothing"}. Click a field, or press Enter in it, for the evidence.`,
      ),
      table,
    );
    Grid.make(
      table,
      columns,
      { length: cells.length, get: (at) => cells[at] },
      {
        label: "Environments",
        sorted: Sort.parse(State.sort),
        sort: (sort) => State.set({ sort }),
        open: (at, id) =>
          Evidence.open(
            at,
            columns.find((column) => column.id === id)?.key
              ? within(way, columns.find((column) => column.id === id).key)
              : {},
          ),
      },
    );
  }

  return { show };
})();
