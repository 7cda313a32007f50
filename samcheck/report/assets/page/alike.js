"use strict";
/* What is the same in every shown environment, and so tells none of them from the others. */
const Alike = (() => {
  const remembered = new WeakMap();

  /** Outcomes, defects and words that someone asked for are shown, also where they are the same everywhere. */
  const asked = () => State.text.trim() !== "" || Filter.OF_WHY.some((axis) => State.facets.has(axis));

  const everything = () => State.same === "all";

  /** {tells(row), nothing}: whether a row tells environments apart; `nothing`: there is nothing to compare. */
  function of(selection) {
    if (!remembered.has(selection)) remembered.set(selection, judged(selection));
    return remembered.get(selection);
  }

  function judged(selection) {
    const { rows, cells } = selection;
    if (cells.length < 2 || asked()) return { tells: () => true, nothing: true };
    const { rowDefinition, rowWhy, rowCell, whyBad } = Data,
      words = wordsOf(selection),
      broken = Uint8Array.from(Data.cells, ({ at }) => (Causes.ofImports(at) ? 1 : 0));
    const first = new Int32Array(Data.definitions.length).fill(-1),
      differs = new Uint8Array(Data.definitions.length);
    for (let at = 0; at < rows.length; at++) {
      const row = rows[at],
        word = words[rowWhy[row]],
        definition = rowDefinition[row];
      if (word < 0 || broken[rowCell[row]]) continue;
      if (first[definition] < 0) first[definition] = word;
      else if (first[definition] !== word) differs[definition] = 1;
    }
    const tells = (row) => {
      const why = rowWhy[row],
        definition = rowDefinition[row];
      if (whyBad[why]) return true;
      return words[why] < 0 ? first[definition] >= 0 : differs[definition] === 1;
    };
    return { tells, nothing: false };
  }

  /**
   * Of each why a number for what became of a check, whatever the reason says; -1 for what says nothing of what
   * environments share: a failure, and what cannot be tried. A known defect of every environment is as good as none.
   */
  function wordsOf(selection) {
    const everywhere = new Set(Defects.of(selection).flatMap(({ name, some }) => (some ? [] : [name])));
    const word = ({ outcome, defect }) =>
      outcome === "known" && everywhere.has(defect) ? "passed\n" : `${outcome}\n${defect}`;
    const numbers = new Map();
    return Int32Array.from(Data.whys, (why) => {
      if (why.outcome === "skipped" || Data.whyBad[why.at]) return -1;
      const said = word(why);
      if (!numbers.has(said)) numbers.set(said, numbers.size);
      return numbers.get(said);
    });
  }

  /** The switch of every view, with what it would show. */
  function toggle(hidden) {
    const box = Dom.el("input", {
      type: "checkbox",
      id: "same",
      checked: everything(),
      onchange: ({ target }) => State.set({ same: target.checked ? "all" : "" }),
    });
    return Dom.el("label", { class: "choice" }, box, " show all", hidden ? ` (${hidden})` : "");
  }

  /** The known defects that every environment has, once. */
  function everywhere(selection) {
    const same = Defects.of(selection).filter(({ some }) => !some);
    if (!same.length || of(selection).nothing) return null;
    const links = same.flatMap(({ name }, at) => [
      at ? ", " : "",
      Dom.link(name || "(not in the catalogue)", {
        ...State.chosen("defect", new Set([name])),
        view: "checks",
      }),
    ]);
    const said = `${Dom.count(same.length, "known defect")} wherever ${same.length === 1 ? "it" : "they"} can be tried`;
    return Dom.el("details", {}, Dom.el("summary", {}, said), Dom.el("p", {}, links));
  }

  /** Environments that are broken as a whole, by cause: [{cause, cells, checks}]. */
  function broken({ rows, cells }) {
    const checks = new Int32Array(Data.cells.length),
      { rowCell, rowWhy, whyBad } = Data;
    for (let at = 0; at < rows.length; at++) if (whyBad[rowWhy[rows[at]]]) checks[rowCell[rows[at]]]++;
    const found = new Map();
    for (const at of cells) {
      const cause = Causes.ofImports(at);
      if (!cause || !checks[at]) continue;
      const one = found.get(cause) ?? { cause, cells: [], checks: 0 };
      one.cells.push(at);
      one.checks += checks[at];
      found.set(cause, one);
    }
    return [...found.values()].sort((a, b) => b.checks - a.checks);
  }

  return { broken, everything, everywhere, of, toggle };
})();
