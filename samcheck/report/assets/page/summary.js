"use strict";
/* The first screen: what works, what does not, why, how old that is, and how sure. */
const Summary = (() => {
  const { count, el, link, outcome } = Dom;
  const MOST = 4;
  const NAMED = 2;
  const DAY_MS = 86400000;
  /** Of a selection: what was counted in it. */
  const remembered = new WeakMap();

  /**
   * Of the selection, in one go over its checks: how many have each of `Data.whys`, how many failed in each cell,
   * and of those that failed, why. Where the imports are broken, that is the cause of all.
   */
  function counted({ rows }) {
    const { rowWhy, rowCell, whyBad } = Data;
    const times = new Int32Array(Data.whys.length),
      failed = new Int32Array(Data.cells.length),
      elsewhere = new Int32Array(Data.whys.length);
    for (let at = 0; at < rows.length; at++) {
      const row = rows[at],
        why = rowWhy[row];
      times[why]++;
      if (!whyBad[why]) continue;
      failed[rowCell[row]]++;
      if (!Causes.ofImports(rowCell[row])) elsewhere[why]++;
    }
    const causes = [
      ...Data.whys.filter(({ at }) => elsewhere[at]).map((why) => [Causes.own(why), elsewhere[why.at]]),
      ...Data.cells
        .filter(({ at }) => failed[at] && Causes.ofImports(at))
        .map(({ at }) => [Causes.ofImports(at), failed[at]]),
    ];
    return { times, failed, causes };
  }

  /** Of the selection, per cell: did all of what was selected hold? */
  function judged({ cells, narrowed }, { failed }) {
    if (!narrowed) return new Map(cells.map((at) => [at, Data.cells[at].outcome]));
    return new Map(cells.map((at) => [at, failed[at] ? "failed" : "passed"]));
  }

  /** Values with how often they are there, the most frequent first. */
  function tally(items, key, times = () => 1) {
    const counts = new Map();
    for (const item of items)
      if (times(item)) counts.set(key(item), (counts.get(key(item)) ?? 0) + times(item));
    return [...counts].sort((a, b) => b[1] - a[1]);
  }

  const card = (title, headline, kind, ...rest) =>
    el(
      "article",
      { class: `card ${kind}` },
      el("h2", {}, title),
      el("p", { class: "headline" }, headline),
      ...rest,
    );

  const list = (items) =>
    el(
      "ul",
      {},
      items.map((item) => el("li", {}, item)),
    );

  /** "1.13.1 to 2.15.0" */
  function range(cells, axis) {
    const values = [...new Set(cells.map((at) => Data.cells[at][axis]))]
      .filter(Boolean)
      .sort(Sort.compare(axis));
    return values.length > 1 ? `${values[0]} to ${values.at(-1)}` : (values[0] ?? "none");
  }

  /** Names do not have a range: one or two, or how many. */
  function devices(cells) {
    const names = [...new Set(cells.map((at) => Data.cells[at].device))].sort(Sort.compare("device"));
    return names.length > 2 ? count(names.length, "device") : names.join(", ");
  }

  /** Environments that a run answers for, and those of them whose runs all held: some groups are no answer. */
  function answered(selection, outcomes) {
    const { leads, members } = Runs.of(selection);
    const cells = leads.filter((lead) => members.get(lead).some((at) => !Data.cells[at].groups.length));
    const holds = (lead) => members.get(lead).every((at) => outcomes.get(at) === "passed");
    return [cells, cells.filter(holds)];
  }

  function works(cells, good) {
    const about = [
      ["PyTorch", "torch"],
      ["CUDA build", "cuda"],
      ["Python", "python"],
      ["driver", "driver"],
    ].map(([name, axis]) => [name, range(good, axis)]);
    const ranges = good.length ? Dom.pairs([...about, ["device", devices(good)]]) : null;
    return card(
      "What works",
      `✓ ${good.length} of ${count(cells.length, "environment")}`,
      good.length ? "good" : "none",
      ranges,
    );
  }

  function broken(selection, bad) {
    const { lead } = Runs.of(selection);
    const items = bad.slice(0, MOST).map((at) => {
      const cell = Data.cells[at];
      return [link(cell.name, Evidence.opened(at)), ` ${Dom.plain(cell.reason).slice(0, 160)}`];
    });
    if (bad.length > MOST)
      items.push([
        link(`all ${bad.length}`, State.chosen("result", new Set(bad.map((at) => Data.cells[at].outcome)))),
      ]);
    const headline = bad.length ? `✗ ${count(new Set(bad.map((at) => lead[at])).size, "environment")}` : "✓ nothing here";
    return card("What does not", headline, bad.length ? "bad" : "good", list(items));
  }

  function reasons(selection, bad, { causes: counts }) {
    const unbuilt = bad.filter((at) => Data.start[at] === Data.start[at + 1]);
    const failed = tally(
      counts,
      ([cause]) => cause,
      ([, times]) => times,
    );
    const causes = [...failed, ...tally(unbuilt, (at) => Data.cells[at].reason)];
    const items = causes
      .slice(0, MOST - 1)
      .map(([reason, times]) => [`${times} × `, Dom.plain(reason).slice(0, 120)]);
    if (causes.length > items.length) {
      const all = State.chosen("outcome", new Set(Data.meta.bad));
      items.push([link(`${causes.length - items.length} more`, { ...all, view: "checks" })]);
    }
    const headline = causes.length ? `✗ ${count(causes.length, "cause")}` : "✓ no failure";
    return card("Why", headline, causes.length ? "bad" : "good", list(items), known(selection));
  }

  /** Catalogued defects are no failures, and stand apart from these; those that tell environments apart by name. */
  function known(selection) {
    const defects = Defects.of(selection);
    if (!defects.length) return null;
    const some = defects.filter(({ some }) => some),
      same = defects.length - some.length;
    const every = { ...State.chosen("outcome", new Set(["known"])), view: "checks" };
    const named = some.slice(0, NAMED).flatMap(({ name, cells }, at) => [
      at ? ", " : "",
      link(name || "(not in the catalogue)", {
        ...State.chosen("defect", new Set([name])),
        view: "checks",
      }),
      ` in ${count(cells, "environment")}`,
    ]);
    const more = some.length - NAMED;
    return el(
      "p",
      { class: "apart" },
      outcome("known"),
      " ",
      named,
      more > 0 ? [" and ", link(`${more} more`, every), " in some"] : null,
      some.length && same ? "; " : "",
      same ? link(count(same, "defect"), every) : null,
      same ? " wherever tried" : "",
      ": upstream defects, which fail nothing",
    );
  }

  function ago(day) {
    const days = Math.floor((Date.now() - Date.parse(day)) / DAY_MS);
    if (!(days >= 0)) return "";
    return days === 0 ? " (today)" : ` (${count(days, "day")} ago)`;
  }

  function age(cells) {
    const times = tally(cells, (at) => Data.cells[at].day),
      days = times.map(([day]) => day).sort();
    if (!days.length) return card("How old", "–", "none");
    const old = times.reduce(
      (sum, [day, many]) => sum + (Date.now() - Date.parse(day) > 30 * DAY_MS ? many : 0),
      0,
    );
    return card(
      "How old",
      `${days.at(-1)}${ago(days.at(-1))}`,
      "none",
      Dom.pairs([
        ["newest", days.at(-1)],
        ["oldest", `${days[0]}${ago(days[0])}`],
        ["over 30 days", `${old} of ${cells.length}`],
        ["samcheck", range(cells, "samcheck")],
      ]),
    );
  }

  function bar(counts, all) {
    const parts = counts.map(([word, times]) => {
      const part = el("span", { class: `part ${Dom.kind(word)}` });
      part.style.flexGrow = times / all;
      return part;
    });
    return el("div", { class: "bar", "aria-hidden": "true" }, parts);
  }

  function sure({ rows, cells }, { times }) {
    const counts = tally(
      Data.whys,
      ({ outcome: word }) => word,
      (why) => times[why.at],
    );
    const ran =
      rows.length -
      counts.reduce((sum, [word, times]) => sum + (["skipped", "not-run"].includes(word) ? times : 0), 0);
    const keys = new Set(cells.map((at) => Data.cells[at].key));
    const runs =
      tally(
        Data.cells.filter((cell) => keys.has(cell.key)),
        (cell) => cell.key,
      )[0]?.[1] ?? 0;
    const weights = [
      ...new Set(
        cells.flatMap((at) =>
          Object.entries(Data.cells[at].weights).map(([name, text]) => `${name} ${text.split(" ")[0]}`),
        ),
      ),
    ];
    const ranIn = cells.filter((at) => Data.start[at] < Data.start[at + 1]);
    const gpus = new Set(ranIn.map((at) => Data.cells[at].device).filter((name) => !name.startsWith("cpu")));
    return card(
      "How sure",
      `${ran.toLocaleString("en")} of ${count(rows.length, "check")} ran`,
      "none",
      bar(counts, rows.length),
      el(
        "p",
        { class: "outcomes" },
        counts.flatMap(([word, times]) => [outcome(word, times.toLocaleString("en")), " "]),
      ),
      list([
        gpus.size
          ? `on ${count(gpus.size, "GPU")}`
          : "none is from a GPU: nothing here is about speed or memory of GPUs",
        runs > 1 ? `up to ${runs} runs of an environment` : "one run of each environment",
        `weights: ${weights.join(", ") || "none"}; random ones say nothing about the quality of masks`,
      ]),
    );
  }

  function show(container, selection) {
    if (!remembered.has(selection)) remembered.set(selection, counted(selection));
    const counts = remembered.get(selection),
      outcomes = judged(selection, counts);
    const [good, bad] = [true, false].map((fine) =>
      selection.cells.filter((at) => (outcomes.get(at) === "passed") === fine),
    );
    Dom.fill(
      container,
      works(...answered(selection, outcomes)),
      broken(selection, bad),
      reasons(selection, bad, counts),
      age(selection.cells),
      sure(selection, counts),
    );
  }

  return { show };
})();
