"use strict";
/* Two environments, devices, drivers or dates side by side. */
const Compare = (() => {
  const { choice, el, outcome } = Dom;
  const word = (row) => (row < 0 ? "" : Data.why(row).outcome);
  const differ = ({ a, b }) => word(a) !== word(b);
  const MOST_PACKAGES = 200;

  function controls(axis, values, a, b) {
    const axes = Object.entries(Pairs.AXES).map(([key, { title }]) => [key, title]);
    const options = values.map((value) => [value, Dom.plain(value)]);
    return el(
      "div",
      { class: "tools" },
      choice("Compare", axes, axis, (axis) => State.set({ axis, a: "", b: "" }), "axis"),
      choice("A", options, a, (a) => State.set({ a, b }), "side-a"),
      choice("B", options, b, (b) => State.set({ a, b }), "side-b"),
      choice(
        "Show",
        [
          ["", "what differs"],
          ["all", "everything"],
        ],
        State.same,
        (same) => State.set({ same }),
        "same",
      ),
    );
  }

  const columns = [
    { id: "group", name: "Group", width: 110, show: ({ definition }) => definition.group },
    {
      id: "check",
      name: "Check",
      width: 380,
      show: ({ definition }) =>
        el("span", { class: "name", title: Dom.plain(definition.check) }, definition.check),
    },
    { id: "a", name: "A", width: 110, show: ({ a }) => side(a) },
    { id: "b", name: "B", width: 110, show: ({ b }) => side(b) },
    { id: "reason-a", name: "Reason in A", width: 320, show: ({ a }) => (a < 0 ? "" : Data.why(a).reason) },
    { id: "reason-b", name: "Reason in B", width: 320, show: ({ b }) => (b < 0 ? "" : Data.why(b).reason) },
    { id: "name", name: "Environment", width: 260, show: ({ cells }) => Data.cells[cells[0]].name },
  ].map((column) => ({ ...column, sortable: false }));

  const side = (row) =>
    row < 0 ? el("span", { class: "outcome absent" }, "– not there") : outcome(word(row));

  function said(pairs, every, different) {
    const broken = every.filter(
      ({ a, b }) => Dom.kind(word(a) || "none") !== "bad" && Dom.kind(word(b) || "none") === "bad",
    ).length;
    const mended = every.filter(
      ({ a, b }) => Dom.kind(word(a) || "none") === "bad" && b >= 0 && Dom.kind(word(b)) !== "bad",
    ).length;
    const one = [
      ["A", ({ b }) => b < 0],
      ["B", ({ a }) => a < 0],
    ].map(([name, fits]) => `${every.filter(fits).length} only in ${name}`);
    return (
      `${Dom.count(pairs.length, "pair")} of environments: ${Dom.count(different.length, "check")} of ${every.length} differ; ` +
      `${broken} fail in B only, ${mended} fail in A only; ${one.join(", ")}.`
    );
  }

  /** What two environments hold that differs: versions, settings of the machine, packages. */
  async function environments([first, second], container) {
    const evidence = await Data.block("evidence");
    if (!evidence) return;
    const [a, b] = [first, second].map((at) => facts(evidence, at));
    const names = [...new Set([...a.keys(), ...b.keys()])].filter((name) => a.get(name) !== b.get(name));
    const rows = names.slice(0, MOST_PACKAGES).map((name) => [name, a.get(name) ?? "–", b.get(name) ?? "–"]);
    container.append(
      el("h3", {}, "What the environments hold that differs"),
      rows.length
        ? Dom.table(["what", "A", "B"], rows, "Differences between the environments")
        : el("p", {}, "Nothing."),
    );
  }

  function facts(evidence, at) {
    const { observed, packages, environment } = evidence.cells[at];
    const flat = [
      ...Object.entries(observed),
      ["ran in", environment.kind],
      ...packages.map((number) => evidence.tables.packages[number]),
    ];
    return new Map(
      flat.map(([name, value]) => [name, typeof value === "object" ? JSON.stringify(value) : String(value)]),
    );
  }

  function show(container) {
    const axis = State.axis in Pairs.AXES ? State.axis : "cell",
      values = Pairs.values(axis);
    const a = values.includes(State.a) ? State.a : values[0],
      b = values.includes(State.b) ? State.b : (values[1] ?? values[0]);
    const pairs = Pairs.of(axis, a, b),
      every = pairs.flatMap(Pairs.checks),
      different = every.filter(differ);
    const rows = State.same === "all" ? every : different;
    Dom.fill(container, controls(axis, values, a, b));
    if (values.length < 2) {
      container.append(el("p", {}, `There is one ${axis} only: nothing to compare.`));
      return;
    }
    container.append(el("p", { id: "compared", role: "status" }, said(pairs, every, different)));
    if (rows.length) {
      const table = el("div", { class: "grid" });
      container.append(table);
      Grid.make(
        table,
        columns,
        { length: rows.length, get: (at) => rows[at] },
        {
          label: "Compared checks",
          sorted: {},
          sort: () => {},
          frozen: -1,
          open: (row, id) => {
            const at = id.endsWith("b") && row.b >= 0 ? 1 : 0;
            Evidence.open(row.cells[at], { check: row.definition.check });
          },
        },
      );
    }
    if (pairs.length === 1) environments(pairs[0], container);
  }

  return { show };
})();
