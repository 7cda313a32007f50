"use strict";
/* Two environments, devices, drivers or dates side by side. */
const Compare = (() => {
  const { choice, el, outcome } = Dom;
  const NARROW = 700;
  const MOST_NAMES = 4,
    MOST_CAUSES = 50,
    LONGEST = 160;
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
      Alike.toggle(""),
    );
  }

  const CHANGE = { id: "kind", name: "Change", width: 120, show: ({ kind }) => kind || "same" };
  const CHECK = {
    id: "check",
    name: "Check",
    width: innerWidth < NARROW ? 220 : 380,
    show: ({ definition }) =>
      el("span", { class: "name", title: Dom.plain(definition.check) }, definition.check),
  };
  const columns = [
    CHANGE,
    CHECK,
    { id: "a", name: "A", width: 110, show: ({ a }) => side(a) },
    { id: "b", name: "B", width: 110, show: ({ b }) => side(b) },
    { id: "reason-b", name: "Reason in B", width: 320, show: ({ b }) => (b < 0 ? "" : Data.why(b).reason) },
    { id: "reason-a", name: "Reason in A", width: 320, show: ({ a }) => (a < 0 ? "" : Data.why(a).reason) },
    { id: "name", name: "Environment", width: 260, show: ({ cells }) => Data.cells[cells[0]].name },
  ].map((column) => ({ ...column, sortable: false }));

  const side = (row) =>
    row < 0 ? el("span", { class: "outcome absent" }, "– not there") : outcome(Data.why(row).outcome);

  /** The verdict: what got worse first. */
  function verdict({ causes, nothingInCommon }) {
    if (nothingInCommon) return "Nothing in common: the two sides share no check.";
    const said = Changes.KINDS.map((kind) => [kind, causes.filter((cause) => cause.kind === kind)])
      .filter(([, members]) => members.length)
      .map(([kind, members]) => `${kind}: ${kind === "broken" ? broken(members) : met(kind, members)}`);
    const worse = causes.some(({ kind }) => WORSE.includes(kind));
    if (!said.length) return "Nothing changed.";
    return `${worse ? "Worse" : "Nothing got worse"}: ${said.join("; ")}.`;
  }
  const WORSE = ["broken", "defect met"];

  const total = (causes) => causes.reduce((sum, { checks }) => sum + checks, 0);

  function broken(causes) {
    const checks = total(causes);
    const what = checks ? Dom.count(checks, "check") : "the environment itself";
    return `${what} by ${causes.length === 1 ? "one cause" : Dom.count(causes.length, "cause")}`;
  }

  /** Defects that came or went, by their names; of the rest, how many checks. */
  function met(kind, causes) {
    const named = /^defect/.test(kind) ? causes.filter(({ defect }) => defect) : [],
      rest = causes.filter((cause) => !named.includes(cause)),
      more = named.length - MOST_NAMES;
    const names = named.slice(0, MOST_NAMES).map(({ defect }) => defect);
    const said = [
      names.join(", ") + (more > 0 ? ` and ${more} more` : ""),
      total(rest) ? Dom.count(total(rest), "check") : rest.length ? "the environment itself" : "",
    ];
    return said.filter(Boolean).join(", ");
  }

  /** How much of what was compared is the same. */
  function rest(pairs, { checks }) {
    const having = (wanted) => checks.filter(({ kind }) => kind === wanted).length,
      [onlyA, onlyB] = [having("only in A"), having("only in B")];
    const both = checks.length - onlyA - onlyB;
    return [
      pairs.length === 1 ? "" : `${Dom.count(pairs.length, "pair")} of environments. `,
      both
        ? `${having("").toLocaleString("en")} of ${Dom.count(both, "check")} on both sides have the same outcome; `
        : "",
      `${onlyA} only in A, ${onlyB} only in B. Times and memory: samcheck compare judges them.`,
    ].join("");
  }

  /** A row for each cause, however many checks it is behind. */
  function byCause(causes, several) {
    if (!causes.length) return null;
    const heads = ["change", "cause", "checks", ...(several ? ["environments"] : [])];
    const rows = causes
      .slice(0, MOST_CAUSES)
      .map((cause) => [cause.kind, because(cause), cause.checks || "–", ...(several ? [cause.pairs] : [])]);
    const more = causes.length - MOST_CAUSES;
    return [
      Dom.table(heads, rows, "Changes by cause"),
      more > 0 ? el("p", {}, `${Dom.count(more, "more cause")}: see the checks below.`) : null,
    ];
  }

  function because({ kind, defect, cause, first, groups, checks }) {
    if (kind === "broken" || !first.definition) return Plots.short(cause, LONGEST);
    const [old, now] = [first.a, first.b].map(Data.why);
    const reason = Plots.short(now.reason || (old.reason ? `before: ${old.reason}` : ""), LONGEST);
    if (defect) {
      const all = { ...State.chosen("defect", new Set([defect])), view: "checks" };
      return el("span", {}, Dom.link(defect, all), reason ? `: ${reason}` : "");
    }
    const what = checks > 1 ? groups.join(", ") : first.definition.check;
    return `${what}: ${old.outcome} → ${now.outcome}`;
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
    Dom.fill(container, controls(axis, values, a, b));
    if (values.length < 2) {
      container.append(el("p", {}, `There is one ${axis} only: nothing to compare.`));
      return;
    }
    const pairs = Pairs.of(axis, a, b),
      changes = Changes.of(pairs);
    container.append(
      el("p", { id: "compared", role: "status" }, el("strong", {}, verdict(changes))),
      el("p", { class: "quiet" }, rest(pairs, changes)),
      ...[byCause(changes.causes, pairs.length > 1)].flat().filter(Boolean),
    );
    table(Alike.everything() ? changes.checks : changes.checks.filter(({ kind }) => kind), container);
    if (pairs.length === 1) environments(pairs[0], container);
  }

  function table(rows, container) {
    if (!rows.length) return;
    const made = el("div", { class: "grid" });
    container.append(made);
    Grid.make(
      made,
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

  return { show };
})();
