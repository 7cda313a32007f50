"use strict";
/* A row per check; and, for keyboards, what a table is sorted by. */
const Sorter = (() => {
  function make(columns) {
    const { field, descending } = Sort.parse(State.sort);
    const options = [
      ["", "as it comes"],
      ...columns.filter((column) => column.sortable !== false).map(({ id, name }) => [id, Dom.plain(name)]),
    ];
    const turn = Dom.button(
      descending ? "↓ descending" : "↑ ascending",
      () => State.set({ sort: (descending ? "" : "-") + field }),
      { disabled: !field },
    );
    return Dom.el(
      "span",
      { class: "sorter" },
      Dom.choice("Sorted by", options, field, (sort) => State.set({ sort }), "sorted"),
      " ",
      turn,
    );
  }

  return { make };
})();

const Checks = (() => {
  const { el, outcome } = Dom;
  const ofCell = (name) => ({ items: Data.cells, of: Data.rowCell, value: (cell) => cell[name] });
  const ofDefinition = (name) => ({
    items: Data.definitions,
    of: Data.rowDefinition,
    value: (definition) => definition[name],
  });
  const ofWhy = (name) => ({ items: Data.whys, of: Data.rowWhy, value: (why) => why[name] });

  const COLUMNS = () =>
    [
      {
        id: "check",
        name: "Check",
        width: 400,
        from: ofDefinition("check"),
        show: (row) =>
          el(
            "span",
            { class: "name", title: Dom.plain(Data.definition(row).check) },
            Data.definition(row).check,
          ),
      },
      {
        id: "outcome",
        name: "Outcome",
        width: 104,
        from: ofWhy("outcome"),
        show: (row) => outcome(Data.why(row).outcome),
      },
      { id: "name", name: "Environment", width: 250, from: ofCell("name") },
      { id: "reason", name: "Reason", width: 420, from: ofWhy("reason") },
      { id: "defect", name: "Defect", width: 170, from: ofWhy("defect") },
      ...["group", "variant", "precision", "backend"].map((name) => ({
        id: name,
        name: Facets.TITLES[name],
        width: 104,
        from: ofDefinition(name),
      })),
      ...["device", "driver", "torch", "cuda", "python", "numpy", "day"].map((name) => ({
        id: name,
        name: Facets.TITLES[name],
        width: 96,
        from: ofCell(name),
      })),
    ].map((column) => ({
      show: (row) => column.from.value(column.from.items[column.from.of[row]]) || "–",
      ...column,
    }));

  function ordered(rows, columns) {
    const { field, descending } = Sort.parse(State.sort);
    const column = columns.find((candidate) => candidate.id === field);
    if (!column) return rows;
    const { items, of, value } = column.from,
      ranks = Sort.ranks(items, value, field);
    return Sort.byRank(rows, (row) => ranks[of[row]], items.length, descending);
  }

  function show(container, { rows }) {
    const columns = COLUMNS(),
      sorted = ordered(rows, columns),
      table = el("div", { class: "grid" });
    Dom.fill(container, el("div", { class: "tools" }, Sorter.make(columns)), table);
    Grid.make(
      table,
      columns,
      { length: sorted.length, get: (at) => sorted[at] },
      {
        label: "Checks",
        sorted: Sort.parse(State.sort),
        sort: (sort) => State.set({ sort }),
        open: (row) => Evidence.open(Data.rowCell[row], { check: Data.definition(row).check }),
      },
    );
  }

  return { show };
})();
