"use strict";
/* Several runs of the same cells over dates: what changed, in outcomes and in times. */
const Past = (() => {
  const { el } = Dom;
  const MOST_LINES = 30;
  /** More names would lie on each other; dots say theirs when they are pointed at. */
  const MOST_NAMES = 4;

  /** Cells with several runs whose newest is selected, by what they have in common. */
  function repeated({ cells }) {
    const wanted = new Set(cells.map((at) => Data.cells[at].key)),
      runs = new Map();
    for (const cell of Data.cells)
      if (wanted.has(cell.key) && !Number.isNaN(Date.parse(cell.finished)))
        runs.set(cell.key, [...(runs.get(cell.key) ?? []), cell]);
    return [...runs.values()].filter((cellRuns) => cellRuns.length > 1).slice(0, MOST_LINES);
  }

  async function show(selection, tools) {
    const groups = repeated(selection);
    if (!groups.length) {
      return el(
        "p",
        {},
        "There is one run of each environment here. Older results make a history: samcheck html --commits 200, or samcheck html OLDER-FOLDER results",
      );
    }
    return [outcomes(groups), ...(await times(groups, tools))];
  }

  function outcomes(groups) {
    const points = groups.flat().map((cell) => ({
      date: new Date(cell.finished),
      when: cell.finished,
      name: Dom.plain(cell.name),
      key: cell.key,
      outcome: cell.outcome,
      bad: Data.rowsOf(cell.at, (row) => Data.meta.bad.includes(Data.why(row).outcome)).length,
    }));
    return Plots.figure(
      "Checks that did not hold",
      "by the date of the run, a line per environment.",
      {
        ...frame,
        y: {
          label: "checks",
          grid: true,
          domain: [0, Math.max(4, ...points.map(({ bad }) => bad))],
          ticks: 4,
          tickFormat: "d",
        },
        marks: [Plot.ruleY([0]), ...line(points, "bad")],
      },
      ["environment", "date", "outcome", "checks that did not hold"],
      points.map((point) => [point.name, point.when, point.outcome, point.bad]),
    );
  }

  /** The checks of all runs that the filters leave. */
  function rowsOf(groups) {
    const facets = new Map(State.facets).set("run", new Set(["newest", "older"]));
    const cells = new Set(groups.flat().map(({ at }) => at));
    return Filter.select({ facets, text: State.text }).rows.filter((row) => cells.has(Data.rowCell[row]));
  }

  async function times(groups, tools) {
    const all = await Times.collect(rowsOf(groups));
    if (!all.length) return [];
    const { step, timings } = Timings.ofStep(all, tools);
    return d3
      .groups(timings, ({ what }) => what)
      .map(([kind, members]) => {
        const points = members.map((timing) => ({
          ...timing,
          date: new Date(timing.cell.finished),
          name: Dom.plain(timing.cell.name),
          key: timing.cell.key,
          ms: Times.known(timing) ? Times.middle(timing) : null,
        }));
        const drawn = points.filter(Times.known);
        return Plots.figure(
          `Time of ${step}, ${kind}`,
          "in milliseconds by the date of the run, a line per environment; bars are 95 % intervals over processes and runs." +
            Times.leftOut(points),
          drawn.length && {
            ...frame,
            y: { label: "ms", grid: true, zero: true },
            marks: [Plot.ruleX(drawn, { x: "date", y1: "low", y2: "high" }), ...line(drawn, "ms")],
          },
          ["environment", "date", "95 % interval"],
          points.map((point) => [point.name, point.cell.finished, Times.explained(point)]),
        );
      });
  }

  const frame = {
    height: 240,
    marginLeft: 56,
    marginRight: innerWidth < 700 ? 20 : 250,
    x: { type: "utc", label: null },
  };

  function line(points, y) {
    const shape = { x: "date", y, z: "key" };
    const named = innerWidth >= 700 && new Set(points.map(({ key }) => key)).size <= MOST_NAMES;
    points.sort((one, other) => one.date - other.date);
    return [
      Plot.line(points, { ...shape, sort: "date", strokeOpacity: 0.6 }),
      !named
        ? null
        : Plot.text(points, Plot.selectLast({ ...shape, text: "name", textAnchor: "start", dx: 8 })),
      Plot.dot(points, {
        ...shape,
        fill: "var(--accent)",
        r: 3.5,
        channels: { environment: "name" },
        tip: true,
      }),
    ];
  }

  return { repeated, show };
})();
