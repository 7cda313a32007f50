"use strict";
/* How long things take: distributions, and ratios to a baseline. */
const Timings = (() => {
  const { choice, el } = Dom;
  const MOST_LANES = 16,
    MOST_CELLS = 40;
  const TICKS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 20, 50, 100];
  const NOTHING = () => el("p", {}, "Nothing here was timed, or the page was made without numbers.");

  /** Of every timed check in the rows: what was timed, in which cell, its metrics, the samples of each process. */
  async function collect(rows) {
    const [numbers, samples] = await Promise.all([Data.numbers(), Data.samples()]);
    const timings = [];
    for (const row of numbers.having(rows, ["median_ms"])) {
      const { metrics } = numbers(row);
      if (typeof metrics.median_ms !== "number") continue;
      const { check, variant, precision, backend } = Data.definition(row);
      const step = check.replace(/^.*::(test_)?/, "").replace(/\[.*$/s, "");
      const fair = samples(row).filter(
        (series) => !series.disturbed.length && series.samples.wall_ms?.length,
      );
      const what = [variant, precision, backend].filter(Boolean).join(" ");
      const processes = fair.map((series) => series.samples.wall_ms);
      timings.push({
        row,
        cell: Data.cellOf(row),
        step,
        what: Dom.plain(what),
        precision,
        metrics,
        processes,
        disturbed: samples(row).length - fair.length,
      });
    }
    return timings;
  }

  /** Those of the step that is chosen; a control to choose it is put among `tools`. */
  function ofStep(timings, tools) {
    const steps = [...new Set(timings.map(({ step }) => step))].sort();
    const step = steps.includes(State.step) ? State.step : steps.includes("encoder") ? "encoder" : steps[0];
    tools.append(
      choice(
        "of",
        steps.map((name) => [name, Dom.plain(name)]),
        step,
        (step) => State.set({ step }),
        "step",
      ),
    );
    return { step: Dom.plain(step), timings: timings.filter((timing) => timing.step === step) };
  }

  /** Least, quartiles and largest that are known of a timing. */
  function range({ processes, metrics }) {
    const all = Statistics.sorted(processes.flat());
    if (all.length)
      return {
        low: Statistics.quantile(all, 0.05),
        high: Statistics.quantile(all, 0.95),
        basis: `${processes.length} processes, 5% to 95%`,
      };
    const high = metrics.mean_ms + metrics.stddev_ms;
    return {
      low: metrics.min_ms ?? metrics.median_ms,
      high: Number.isFinite(high) ? Math.max(high, metrics.median_ms) : metrics.median_ms,
      basis: "one process, least to mean + deviation",
    };
  }

  async function latency({ rows }, tools) {
    const all = await collect(rows);
    if (!all.length) return NOTHING();
    const { step, timings } = ofStep(all, tools);
    const points = timings.map((timing) => ({
      what: timing.what,
      name: Dom.plain(timing.cell.name),
      lane: Dom.plain(Pairs.label(timing.cell)),
      median: Statistics.center(timing),
      ...range(timing),
      samples: timing.processes.flat(),
      disturbed: timing.disturbed,
    }));
    const kinds = [...new Set(points.map(({ what }) => what))].sort(Sort.compare(""));
    const lanes = [...new Set(points.map(({ lane }) => lane))].sort(Sort.compare(""));
    const heads = ["environment", "of", "median, ms", "from", "to", "basis", "disturbed series"];
    const table = points.map((point) => [
      point.lane,
      point.what,
      Plots.figures(point.median),
      Plots.figures(point.low),
      Plots.figures(point.high),
      point.basis,
      point.disturbed,
    ]);
    const picture = lanes.length > MOST_LANES ? boxes(points, kinds) : strips(points, kinds, lanes);
    return Plots.figure(`Latency of ${step}`, explained(points, lanes), picture, heads, table);
  }

  function explained(points, lanes) {
    if (lanes.length > MOST_LANES)
      return `in milliseconds, logarithmic; the medians of ${lanes.length} environments as boxes.`;
    const raw = points.some(({ samples }) => samples.length);
    return `in milliseconds, logarithmic; a line per environment, the dot is the median${raw ? ", small marks are samples" : "; raw samples are not stored in these results"}.`;
  }

  function strips(points, kinds, lanes) {
    const samples = points.flatMap((point) => point.samples.map((value) => ({ ...point, value })));
    const where = { y: "lane", fy: "what" },
      room = innerWidth >= 700;
    return {
      ...faceted(kinds, lanes.length * 15 + 26),
      marginLeft: 14,
      marginRight: room ? 240 : 20,
      x: { ...LOGARITHMIC, label: "ms" },
      y: { axis: null, domain: lanes },
      marks: [
        ...titles(kinds),
        Plot.ruleY(points, { ...where, x1: "low", x2: "high", strokeOpacity: 0.6 }),
        Plot.tickX(samples, { ...where, x: "value", strokeOpacity: 0.3 }),
        Plot.dot(points, {
          ...where,
          x: "median",
          fill: "var(--accent)",
          r: 3.5,
          channels: { environment: "lane", basis: "basis" },
          tip: true,
        }),
        room
          ? Plot.text(points, {
              ...where,
              x: "high",
              text: "name",
              textAnchor: "start",
              dx: 8,
              fontSize: 10,
              fillOpacity: 0.75,
            })
          : null,
      ],
    };
  }

  const LOGARITHMIC = { type: "log", grid: true, labelAnchor: "center", labelOffset: 38 };

  const faceted = (kinds, height) => ({
    height: kinds.length * height + 66,
    marginTop: 30,
    marginBottom: 44,
    fy: { axis: null, domain: kinds, padding: 0.18 },
  });

  /** Each facet's name above its frame, where narrow screens have room for it. */
  const titles = (kinds) => [
    Plot.frame({ strokeOpacity: 0.2 }),
    Plot.text(kinds, {
      fy: (kind) => kind,
      text: (kind) => kind,
      frameAnchor: "top-left",
      dy: -14,
      fontWeight: 600,
    }),
  ];

  function boxes(points, kinds) {
    return {
      marginLeft: Plots.left(kinds),
      height: kinds.length * 34 + 84,
      marginBottom: 44,
      x: { ...LOGARITHMIC, label: "ms" },
      y: { label: null, domain: kinds },
      marks: [Plot.boxX(points, { x: "median", y: "what", fill: "var(--tint)", stroke: "currentColor" })],
    };
  }

  /** Of a cell to the chosen baseline, for everything that both timed. */
  async function ratio({ rows }, tools) {
    const all = await collect(rows);
    if (!all.length) return NOTHING();
    const { step, timings } = ofStep(all, tools);
    const cells = [...new Map(timings.map(({ cell }) => [Pairs.label(cell), cell]))].sort(([a], [b]) =>
      Sort.compare("")(a, b),
    );
    const baseline = cells.some(([label]) => label === State.baseline) ? State.baseline : cells[0][0];
    tools.append(
      choice(
        "against",
        cells.map(([label]) => [label, Dom.plain(label)]),
        baseline,
        (baseline) => State.set({ baseline }),
        "baseline",
      ),
    );
    const base = new Map(
      timings.filter(({ cell }) => Pairs.label(cell) === baseline).map((timing) => [timing.what, timing]),
    );
    const others = timings.filter(({ what, cell }) => base.has(what) && Pairs.label(cell) !== baseline);
    const shown = new Set(
      cells
        .map(([label]) => label)
        .filter((label) => label !== baseline)
        .slice(0, MOST_CELLS),
    );
    const points = others
      .filter(({ cell }) => shown.has(Pairs.label(cell)))
      .map((timing) => ({
        lane: Dom.plain(Pairs.label(timing.cell)),
        name: Dom.plain(timing.cell.name),
        what: timing.what,
        ...Statistics.ratio(timing, base.get(timing.what)),
      }));
    if (!points.length) return el("p", {}, "Nothing else timed the same as this baseline.");
    return picture(step, baseline, points, cells.length - 1 - shown.size);
  }

  function picture(step, baseline, points, more) {
    const kinds = [...new Set(points.map(({ what }) => what))].sort(Sort.compare("")),
      lanes = [...new Set(points.map(({ lane }) => lane))];
    const names = new Map(points.map(({ lane, name }) => [lane, name]));
    const where = { y: "lane", fy: "what" },
      most = innerWidth < 700 ? 18 : 44;
    const name = (lane) => Plots.short(names.get(lane).replace(/^torch/, ""), most);
    const ends = d3.extent(points.flatMap(({ low, high }) => [low, high, 1]));
    const said =
      `relative to ${Dom.plain(baseline)}; left of 1 is faster. Lines are intervals: ${[...new Set(points.map(({ basis }) => basis))].join("; ")}.` +
      (more > 0 ? ` ${more} more environments are left out: filter.` : "");
    const heads = ["environment", "of", "ratio", "from", "to", "interval"];
    const rows = points.map((point) => [
      point.lane,
      point.what,
      Plots.figures(point.ratio),
      Plots.figures(point.low),
      Plots.figures(point.high),
      point.basis,
    ]);
    return Plots.figure(
      `Ratio of ${step}`,
      said,
      {
        ...faceted(kinds, lanes.length * 17 + 30),
        marginLeft: Plots.left(lanes.map(name)),
        marginRight: 20,
        x: {
          ...LOGARITHMIC,
          label: "ratio of medians",
          ticks: TICKS.filter((tick) => tick >= ends[0] && tick <= ends[1]),
          tickFormat: "~g",
        },
        y: { label: null, domain: lanes, tickFormat: name },
        marks: [
          ...titles(kinds),
          Plot.ruleX([1], { strokeDasharray: "4 3" }),
          Plot.ruleY(points, { ...where, x1: "low", x2: "high", strokeWidth: 2, strokeOpacity: 0.7 }),
          Plot.dot(points, {
            ...where,
            x: "ratio",
            fill: "var(--accent)",
            r: 4,
            channels: { interval: "basis" },
            tip: true,
          }),
        ],
      },
      heads,
      rows,
    );
  }

  return { collect, latency, ofStep, ratio };
})();
