"use strict";
/* What changed from A to B, in the words of `samcheck compare`; changes of one cause are one. */
const Changes = (() => {
  /** Most important first, as in samcheck.analysis.compare.outcome_changes. */
  const KINDS = [
    "broken",
    "intermittent",
    "defect met",
    "no longer tried",
    "mended",
    "defect gone",
    "now tried",
    "other",
  ];
  const ONE_SIDED = ["only in A", "only in B"];
  const ORDER = [...KINDS, ...ONE_SIDED, ""];

  const isBad = (word) => Data.meta.bad.includes(word);

  /** How an outcome changed; "" where it did not. */
  function kindOf(old, now) {
    if (old === now) return "";
    if (now === "intermittent") return "intermittent";
    const sure = old !== "intermittent"; // else it was good at times, and bad at times
    if (isBad(now)) return isBad(old) && sure ? "other" : "broken";
    if (isBad(old)) return sure ? "mended" : "other";
    if (now === "skipped") return "no longer tried";
    if (old === "skipped") return "now tried";
    if (now === "known") return "defect met";
    return old === "known" ? "defect gone" : "other";
  }

  /** A check of a pair with how it changed, and its cause: a known defect, a reason, or broken imports. */
  function judged(pair) {
    const [old, now] = [pair.a, pair.b].map((row) => (row < 0 ? null : Data.why(row)));
    if (!old || !now) return { ...pair, kind: ONE_SIDED[old ? 0 : 1], cause: "", defect: "" };
    const kind = kindOf(old.outcome, now.outcome),
      defect = kind === "broken" ? "" : now.defect || old.defect;
    return { ...pair, kind, defect, cause: kind === "broken" ? Causes.of(pair.b) : defect };
  }

  /** How the environment itself changed, where no check can say so; null where it did not. */
  function ofCell([first, second]) {
    const [a, b] = [Data.cells[first], Data.cells[second]];
    if (a.outcome === b.outcome || a.only !== b.only) return null;
    const kind = kindOfCell(a.outcome, b.outcome, second);
    const cause = `the environment: ${a.outcome} → ${b.outcome}: ${b.reason || a.reason}`;
    return { cells: [first, second], kind, cause, defect: "", definition: null };
  }

  function kindOfCell(old, now, cell) {
    if (now === "failed" && onlyIntermittent(cell)) return "intermittent";
    if (old === "passed") return "broken";
    return now === "passed" ? "mended" : "other";
  }

  /** Whether some check of a cell is intermittent, and none is bad in another way. */
  function onlyIntermittent(cell) {
    const bad = new Set();
    for (let row = Data.start[cell]; row < Data.start[cell + 1]; row++) {
      const { outcome } = Data.why(row);
      if (isBad(outcome)) bad.add(outcome);
    }
    return bad.size === 1 && bad.has("intermittent");
  }

  /** Of pairs of cells: their checks, the most important change first, and what can be said of all. */
  function of(pairs) {
    const found = pairs.map((pair) => {
      const checks = Pairs.checks(pair).map(judged);
      return { checks, cell: ofCell(pair), shares: shares(pair, checks) };
    });
    const checks = found
      .flatMap((pair) => pair.checks)
      .sort((x, y) => ORDER.indexOf(x.kind) - ORDER.indexOf(y.kind) || compare(x.cause, y.cause));
    const alone = found.filter(({ cell, checks }) => cell && !checks.some(({ kind }) => kind === cell.kind));
    const changes = [...checks.filter(({ kind }) => KINDS.includes(kind)), ...alone.map(({ cell }) => cell)];
    return {
      checks,
      causes: byCause(changes),
      nothingInCommon: !changes.length && !found.some((pair) => pair.shares),
    };
  }

  const compare = (x, y) => (x < y ? -1 : x > y ? 1 : 0);

  /** Whether both have some check, or both have none and are compared by their outcomes alone. */
  const shares = ([first, second], checks) =>
    checks.length
      ? checks.some(({ a, b }) => a >= 0 && b >= 0)
      : Data.rowsOf(first).length + Data.rowsOf(second).length === 0;

  /** [{kind, defect, cause, first, checks, pairs}], one for each cause. */
  function byCause(changes) {
    const groups = d3
      .groups(changes, ({ kind, cause }) => `${kind}\n${cause}`)
      .map(([, members]) => ({
        ...members[0],
        first: members[0],
        groups: [...new Set(members.map(({ definition }) => definition?.group).filter(Boolean))],
        checks: members.filter(({ definition }) => definition).length,
        pairs: new Set(members.map(({ cells }) => cells.join())).size,
      }));
    return groups.sort(
      (x, y) =>
        ORDER.indexOf(x.kind) - ORDER.indexOf(y.kind) || y.checks - x.checks || compare(x.cause, y.cause),
    );
  }

  return { KINDS, of };
})();
