"use strict";
/* What is behind a field: its checks, the environment, and how to see it again. */
const Evidence = (() => {
  const { button, el, outcome } = Dom;
  /** An address has no room for more of a name. */
  const LONGEST = 200;
  const DIALOG = () => document.getElementById("evidence");

  /** Where a result can be found again, also in a page that is made later. */
  const place = (cell) =>
    [cell.device, cell.driver, cell.name, cell.finished].map((part) => part.slice(0, LONGEST));

  /** What changes when the checks of a cell are opened that have all of `within`, e.g. {group: "dtype"}. */
  const opened = (at, within = {}) => ({ open: JSON.stringify([place(Data.cells[at]), within]) });

  const open = (at, within) => State.set(opened(at, within));

  function find(text) {
    try {
      const [where, within] = JSON.parse(text);
      const cell = Data.cells.find((candidate) => place(candidate).every((part, at) => part === where[at]));
      return cell && within && typeof within === "object" ? { cell, within } : null;
    } catch {
      return null;
    }
  }

  /** Shows what the address says; closes the dialog where it says nothing. */
  async function show(selection) {
    const dialog = DIALOG(),
      wanted = State.open && find(State.open);
    if (!wanted) {
      if (dialog.open) dialog.close();
      return;
    }
    // Whichever comes first: "close" comes a moment after the dialog is gone, too late for who goes
    // back at once; not every way of closing has a "cancel".
    dialog.oncancel = dialog.onclose = () => {
      if (State.open) State.set({ open: "" });
    };
    Dom.fill(dialog, head(wanted), el("p", {}, "Reading the evidence …"));
    if (!dialog.open) dialog.showModal();
    const [evidence, numbers, samples] = await Promise.all([
      Data.block("evidence"),
      Data.numbers(),
      Data.samples(),
    ]);
    Dom.fill(dialog, head(wanted), body(wanted, selection, { evidence, numbers, samples }));
    dialog.scrollTop = 0;
  }

  function head({ cell, within }) {
    const about = Object.values(within).filter(Boolean).join(" ");
    return el(
      "div",
      { class: "evidence-head" },
      el(
        "h2",
        { id: "evidence-title" },
        `${cell.name}${about ? ": " : ""}`,
        el("span", { class: "name" }, about),
      ),
      button("Close ✕", () => DIALOG().close(), { id: "close", autofocus: true }),
    );
  }

  function body({ cell, within }, selection, sources) {
    const all = Data.rowsOf(cell.at, (row) => Data.fits(row, within)),
      chosen = new Set(selection.rows.filter((row) => Data.rowCell[row] === cell.at));
    const rows = selection.narrowed && !within.check ? all.filter((row) => chosen.has(row)) : all;
    const hidden = all.length - rows.length;
    return [
      el("p", {}, outcome(cell.outcome), ` ${cell.reason}`),
      Dom.pairs([
        ["device", cell.device],
        ["driver", cell.driver],
        ["when", `${cell.started} to ${cell.finished}`],
        ["ran in", `${cell.kind}, tier ${cell.tier}, samcheck ${cell.samcheck}`],
      ]),
      otherRuns(cell, within),
      el("h3", {}, Dom.count(rows.length, "check")),
      hidden ? el("p", { class: "quiet" }, `${hidden} more are hidden by the filters.`) : null,
      ...byOutcome(rows, sources, rows.length === 1),
      environment(cell, sources.evidence),
    ];
  }

  /** Links to what other runs of the environment say of the same. */
  function otherRuns(cell, within) {
    const runs = Runs.others(cell).filter(({ at }) => Data.rowsOf(at, (row) => Data.fits(row, within)).length);
    const links = runs.map((run) => el("li", {}, Dom.link(run.name, opened(run.at, within))));
    return links.length
      ? el("div", {}, el("p", {}, "Other runs of this environment checked more of this:"), el("ul", {}, links))
      : null;
  }

  /** The worst first; what passed is folded. */
  function byOutcome(rows, sources, alone) {
    return Data.meta.severity.flatMap((word) => {
      const members = rows.filter((row) => Data.why(row).outcome === word);
      if (!members.length) return [];
      const made = el(
        "details",
        { class: "outcome-group" },
        el("summary", {}, outcome(word, `(${members.length})`)),
      );
      const fill = () => {
        if (made.children.length === 1)
          made.append(...members.map((row) => Details.check(row, sources, alone)));
      };
      made.addEventListener("toggle", fill);
      if (word !== "passed" || alone) {
        made.open = true;
        fill();
      }
      return [made];
    });
  }

  function environment(cell, evidence) {
    const made = el("details", {}, el("summary", {}, "Environment: versions, packages, times"));
    if (!evidence) return el("p", {}, "This page was made without evidence, to keep it small.");
    const { observed, packages, environment, phases } = evidence.cells[cell.at];
    const text = (value) =>
      value === null
        ? "–"
        : typeof value === "object"
          ? Object.entries(value)
              .map(([name, part]) => (Array.isArray(value) ? part : `${name}: ${text(part)}`))
              .join(", ") || "–"
          : String(value);
    made.append(
      el("h4", {}, "Observed from inside"),
      Dom.pairs(Object.entries(observed).map(([name, value]) => [name, text(value)])),
      el("h4", {}, "How it was made"),
      Dom.pairs([
        ["kind", environment.kind],
        ["why", environment.why || "–"],
        ...Object.entries(environment.details),
      ]),
      el("h4", {}, "Seconds"),
      Dom.pairs(Object.entries(phases).map(([name, value]) => [name, String(value)])),
      el("h4", {}, "Weights"),
      Dom.pairs(Object.entries(cell.weights)),
      el("h4", {}, "Packages"),
      Dom.pairs(packages.map((number) => evidence.tables.packages[number])),
    );
    return made;
  }

  return { open, opened, show };
})();
