"use strict";
/* What a field of the table of environments says: a row per environment, a column per group, or per variant. */
const Fields = (() => {
  /** The rank of a field without checks. */
  const NONE = 255;
  const WAYS = {
    group: ({ group }) => [group],
    variant: ({ variant, precision }) => (variant && precision ? [variant, precision] : null),
    backend: ({ variant, backend }) => (variant && backend ? [variant, backend] : null),
  };
  const ORDERS = { group: ["group"], variant: ["variant", "precision"], backend: ["variant", "backend"] };

  /** Of a selection: what was made of it for each way, with and without what is the same everywhere. */
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

  /**
   * Per environment and column: the rank of the worst outcome that tells environments apart, how often that is, and how
   * many checks there are. Where none tells anything (`calm`), the best outcome stands, and it counts as all.
   */
  function counted({ rows }, lead, { names, of }, tells) {
    const size = Data.cells.length * names.length;
    const worst = new Uint8Array(size).fill(NONE),
      best = new Uint8Array(size),
      times = new Uint32Array(size),
      all = new Uint32Array(size),
      calm = new Uint8Array(size);
    const { rowCell, rowDefinition, rowWhy, whyRank } = Data;
    for (let at = 0; at < rows.length; at++) {
      const row = rows[at],
        column = of[rowDefinition[row]];
      if (column < 0) continue;
      const field = lead[rowCell[row]] * names.length + column,
        rank = whyRank[rowWhy[row]];
      all[field]++;
      if (rank > best[field]) best[field] = rank;
      if (!tells(row)) continue;
      if (rank < worst[field]) {
        worst[field] = rank;
        times[field] = 1;
      } else if (rank === worst[field]) times[field]++;
    }
    for (let field = 0; field < size; field++)
      if (all[field] && worst[field] === NONE) {
        worst[field] = best[field];
        times[field] = all[field];
        calm[field] = 1;
      }
    return { worst, times, all, calm };
  }

  /** {names, rank, text, same}: the columns, what their fields say, and which say the same everywhere. */
  function of(way, selection) {
    if (!known.has(selection)) known.set(selection, {});
    const ways = known.get(selection),
      key = `${way} ${State.same}`;
    return (ways[key] ??= made(layout(way), selection));
  }

  function made(plan, selection) {
    const { tells, nothing } = Alike.of(selection),
      every = nothing || Alike.everything(),
      { lead, leads } = Runs.of(selection);
    const { worst, times, all, calm } = counted(selection, lead, plan, every ? () => true : tells);
    const place = (at, number) => at * plan.names.length + number;
    const fields = {
      names: plan.names,
      rank: (at, number) => worst[place(at, number)],
      text: (at, number) => said(worst, times, all, place(at, number)),
      calm: (at, number) => calm[place(at, number)] === 1,
    };
    return { ...fields, same: every ? new Map() : sameColumns(fields, leads) };
  }

  /** Word and count of a field, null where it has no check; what passed needs no count. */
  function said(worst, times, all, field) {
    if (!all[field]) return null;
    const word = Data.meta.severity[worst[field]];
    return [word, word === "passed" || times[field] === all[field] ? "" : `${times[field]}/${all[field]}`];
  }

  /** Columns that say the same of every environment whose imports work: {number of the column: its text}. */
  function sameColumns({ names, text, calm }, cells) {
    const judged = cells.filter((at) => !Causes.ofImports(at)),
      same = new Map();
    // A known defect of every environment is as good as none, whichever checks show it.
    const key = (at, number) => {
      const said = String(text(at, number));
      return calm(at, number) && said === "known," ? "passed," : said;
    };
    names.forEach((_, number) => {
      const having = judged.filter((at) => text(at, number));
      if (new Set(having.map((at) => key(at, number))).size !== 1) return;
      const texts = having.map((at) => text(at, number));
      same.set(number, texts.find(([word]) => word === "known") ?? texts[0]);
    });
    return same;
  }

  const within = (way, key) => Object.fromEntries(ORDERS[way].map((axis, at) => [axis, key[at]]));

  return { NONE, WAYS, of, within };
})();
