"use strict";
/* Puts the page together, and shows what the address says. */
const Page = (() => {
  const { button, el } = Dom;
  const VIEWS = {
    environments: ["Environments", (into, selection) => Environments.show(into, selection)],
    checks: ["Checks", (into, selection) => Checks.show(into, selection)],
    compare: ["Compare", (into) => Compare.show(into)],
    plots: ["Plots", (into, selection) => Plots.show(into, selection)],
  };
  const part = (id) => document.getElementById(id);
  const FILTERS = ["facets", "text"];
  let selection;

  function navigation() {
    const current = State.view in VIEWS ? State.view : "environments";
    Dom.fill(
      part("views"),
      Object.entries(VIEWS).map(([view, [title]]) =>
        button(title, () => State.set({ view, sort: "" }), {
          id: `view-${view}`,
          "aria-current": view === current ? "page" : null,
        }),
      ),
    );
    return current;
  }

  /** `changes` has the names of what changed; what does not hang on them stays as it is. */
  function show(changes) {
    const names = Object.keys(changes);
    if (!selection || names.some((name) => FILTERS.includes(name))) {
      selection = Filter.select(State);
      Summary.show(part("summary"), selection);
      Facets.show(selection);
    }
    if (names.some((name) => name !== "open")) {
      const focused = document.activeElement?.id,
        current = navigation();
      VIEWS[current][1](part("view"), selection);
      if (focused && document.activeElement?.id !== focused) part(focused)?.focus();
    }
    Evidence.show(selection);
  }

  function problems() {
    const said = Data.meta.problems;
    if (!said.length) {
      part("problems").hidden = true;
      return;
    }
    Dom.fill(
      part("problems"),
      el("h2", {}, `✗ ${Dom.count(said.length, "file")} not read`),
      el(
        "ul",
        {},
        said.map((sentence) => el("li", {}, sentence)),
      ),
    );
  }

  function legend() {
    const words = Data.meta.severity.map((word) => [Dom.outcome(word), " "]);
    Dom.fill(
      part("footer"),
      "Words: ",
      ...words.flat(),
      " known: a catalogued upstream defect showed itself in its catalogued way. fixed: such a defect is gone here. skipped: cannot be tried here.",
    );
  }

  async function start() {
    await Data.load();
    for (const id of ["summary", "filters", "views", "view", "problems"]) part(id).hidden = false;
    part("loading").remove();
    State.read();
    Facets.build(part("filters"));
    State.follow(show);
    show({ ...State });
    problems();
    legend();
    document.documentElement.dataset.ready = "yes";
  }

  start().catch((error) => {
    Dom.fill(
      part("loading"),
      `The results in this page cannot be shown: ${error.message}. It needs a browser from 2023 or newer.`,
    );
    throw error;
  });

  return { VIEWS };
})();
