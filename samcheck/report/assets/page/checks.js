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
  const NARROW = 700;
  const MOST_CAUSES = 5;
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

  /** Where one column fills the screen, what became of a check comes before its name. */
  const placed = ([check, outcome, ...rest]) =>
    innerWidth < NARROW ? [outcome, check, ...rest] : [check, outcome, ...rest];

  function ordered(rows, columns) {
    const { field, descending } = Sort.parse(State.sort);
    const column = columns.find((candidate) => candidate.id === field);
    if (!column) return Alike.everything() ? rows : worstFirst(rows);
    const { items, of, value } = column.from,
      ranks = Sort.ranks(items, value, field);
    return Sort.byRank(rows, (row) => ranks[of[row]], items.length, descending);
  }

  /** The worst outcome first; below it, the environments of a check one after the other. */
  function worstFirst(rows) {
    const byCheck = Sort.byRank(rows, (row) => Data.rowDefinition[row], Data.definitions.length, false);
    return Sort.byRank(byCheck, (row) => Data.whyRank[Data.rowWhy[row]], Data.meta.severity.length, false);
  }

  /** Rows that tell environments apart; what breaks an environment as a whole is said above them. */
  function telling(selection) {
    const { tells, nothing } = Alike.of(selection);
    if (Alike.everything() || nothing) return selection.rows;
    return selection.rows.filter(
      (row) => tells(row) && !(Data.whyBad[Data.rowWhy[row]] && Causes.ofImports(Data.rowCell[row])),
    );
  }

  function hidden(selection, shown, broken) {
    const apart = broken.reduce((sum, { checks }) => sum + checks, 0),
      same = selection.rows.length - shown.length - apart;
    if (!same && !apart) return null;
    return el(
      "p",
      { id: "hidden", class: "quiet" },
      `${same.toLocaleString("en")} of ${Dom.count(selection.rows.length, "check")} are hidden: `,
      "their outcome is the same in every environment that tried them.",
    );
  }

  /** A cause that breaks whole environments, once. */
  function whole({ cause, cells, checks }) {
    const all = { ...State.chosen("outcome", new Set(Data.meta.bad)), view: "checks" };
    const where = cells.length > 1 ? Dom.count(cells.length, "environment") : Data.cells[cells[0]].name;
    return el(
      "li",
      {},
      outcome("failed", `${checks.toLocaleString("en")} by one cause`),
      ` ${Dom.plain(cause).slice(0, 200)} (${where}) `,
      cells.length > 1 ? Dom.link("show them", all) : Dom.link("show them", Evidence.opened(cells[0])),
    );
  }

  function show(container, selection) {
    const columns = placed(COLUMNS()),
      rows = telling(selection),
      broken = rows === selection.rows ? [] : Alike.broken(selection),
      sorted = ordered(rows, columns),
      table = el("div", { class: "grid" });
    Dom.fill(
      container,
      el("div", { class: "tools" }, Sorter.make(columns), Alike.toggle("")),
      hidden(selection, rows, broken),
      broken.length ? el("ul", { class: "once" }, broken.slice(0, MOST_CAUSES).map(whole)) : null,
      table,
    );
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
