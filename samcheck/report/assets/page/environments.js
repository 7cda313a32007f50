"use strict";
/* A row per environment, a field per group of checks, or per variant and precision. */
const Environments = (() => {
  const { el, outcome } = Dom;
  const NARROW = 700;
  const AXIS_COLUMNS = [
    ["device", 170],
    ["driver", 110],
    ["torch", 84],
    ["cuda", 72],
    ["python", 78],
    ["numpy", 76],
    ["kind", 76],
    ["tier", 62],
    ["day", 96],
  ];
  const TITLES = {
    group: "group of checks",
    variant: "variant and precision",
    backend: "variant and backend",
  };

  const distinct = (cells, axis) => new Set(cells.map((at) => Data.cells[at][axis])).size;

  function columnsOf(fields, { leads: cells, members }) {
    const { names, same } = fields;
    const outcomes = new Map([...members].map(([at, runs]) => [at, worst(runs)]));
    const varies = ([axis]) => Alike.everything() || cells.length < 2 || distinct(cells, axis) > 1;
    const vary = AXIS_COLUMNS.filter(varies);
    const field = (key, number) => fieldColumn(key, number, fields);
    const inside = ["torch", "cuda", "python", "tier"];
    return [
      {
        id: "name",
        name: "Environment",
        width: innerWidth < NARROW ? 208 : 300,
        show: (at) => {
          const name = Runs.nameOf(members.get(at));
          return el("span", { class: "name", title: Dom.plain(name) }, name);
        },
      },
      ...(Alike.everything() || cells.length < 2 || new Set(outcomes.values()).size > 1
        ? [resultColumn(outcomes)]
        : []),
      ...vary.filter(([name]) => !inside.includes(name)).map(axisColumn),
      ...names.map(field).filter((_, number) => !same.has(number)),
      ...vary.filter(([name]) => inside.includes(name)).map(axisColumn),
    ];
  }

  /** What the runs of an environment have come to together. */
  const worst = (runs) =>
    runs.map((at) => Data.cells[at].outcome).find((word) => word !== "passed") ?? "passed";

  function resultColumn(outcomes) {
    const ranked = [...new Set(outcomes.values())].sort(d3.ascending);
    ranked.sort((a, b) => d3.ascending(Dom.kind(a), Dom.kind(b)));
    return {
      id: "result",
      name: "Outcome",
      width: 126,
      show: (at) => outcome(outcomes.get(at)),
      rank: (at) => ranked.indexOf(outcomes.get(at)),
      most: ranked.length,
    };
  }

  /** The run whose checks a field speaks of. */
  function worstRun(runs, within) {
    const fits = (row) => Data.fits(row, within);
    const worst = (at) => d3.min(Data.rowsOf(at, fits), (row) => Data.whyRank[Data.rowWhy[row]]);
    return d3.least(runs, worst) ?? runs[0];
  }

  const axisColumn = ([name, width]) => ({
    id: name,
    name: Facets.TITLES[name],
    width,
    show: (at) => Data.cells[at][name] || "–",
  });

  function fieldColumn(key, number, { rank, text }) {
    return {
      id: `field:${key.join(" ")}`,
      name: key.join(" "),
      width: 140,
      key,
      show: (at) => {
        const said = text(at, number);
        return said ? outcome(...said) : el("span", { class: "outcome absent" }, "– not there");
      },
      rank: (at) => rank(at, number),
      most: Fields.NONE,
    };
  }

  function ordered(cells, columns) {
    const { field, descending } = Sort.parse(State.sort);
    const column = columns.find((candidate) => candidate.id === field);
    if (column?.rank) return Sort.byRank(cells, column.rank, column.most, descending);
    const name = column ? field : "name";
    const ranks = Sort.ranks(Data.cells, (cell) => cell[name], name);
    return Sort.byRank(cells, (at) => ranks[at], Data.cells.length, descending);
  }

  /** What all rows have in common, which needs no column. */
  function shared(cells) {
    const same = AXIS_COLUMNS.filter(([axis]) => distinct(cells, axis) === 1);
    return same.map(([axis]) => `${Facets.TITLES[axis]} ${Data.cells[cells[0]][axis] || "–"}`).join(" · ");
  }

  /** Columns that would say the same in every row, by what they say. */
  function saidOnce({ names, same }) {
    const texts = d3.groups([...same], ([, text]) => text.join(" "));
    return texts.map(([, members]) => {
      const columns = members.map(([number]) => names[number].join(" "));
      return el("li", {}, outcome(...members[0][1]), ` ${columns.join(", ")}`);
    });
  }

  /** What is said of all environments together, above the table. */
  function above(selection, fields) {
    const cells = Runs.of(selection).leads;
    if (Alike.everything() || cells.length < 2) return null;
    const common = shared(cells);
    const items = [
      ...saidOnce(fields),
      ...(common ? [el("li", {}, common)] : []),
      ...[Alike.everywhere(selection)].filter(Boolean).map((defects) => el("li", {}, defects)),
    ];
    if (!items.length) return null;
    const apart = Alike.broken(selection).flatMap((one) => one.cells).length;
    const but = apart ? ` but ${apart} whose imports are broken` : "";
    return el(
      "div",
      { class: "once" },
      el("p", {}, `The same in every environment${but}:`),
      el("ul", {}, items),
    );
  }

  function show(container, selection) {
    const way = State.columns in Fields.WAYS ? State.columns : "group";
    const fields = Fields.of(way, selection),
      runs = Runs.of(selection),
      columns = columnsOf(fields, runs),
      hidden = fields.same.size;
    const cells = ordered(runs.leads, columns);
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
        Alike.toggle(hidden ? `${Dom.count(hidden, "column")} hidden` : ""),
      ),
      above(selection, fields),
      el("p", { class: "quiet" }, "Click a field, or press Enter in it, for the evidence."),
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
        open: (at, id) => {
          const { key } = columns.find((column) => column.id === id);
          const within = key ? Fields.within(way, key) : {};
          Evidence.open(id === "name" ? at : worstRun(runs.members.get(at), within), within);
        },
      },
    );
  }

  return { show };
})();
