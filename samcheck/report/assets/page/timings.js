"use strict";
/* How long things take: distributions, and ratios to a baseline. */
const Timings = (() => {
  const { choice, el } = Dom;
  const NARROW = 700;
  const MOST_LANES = 16,
    MOST_CELLS = 40;
  const TICKS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 20, 50, 100];
  const NOTHING = () => el("p", {}, "Nothing here was timed, or the page was made without numbers.");
  const INTERVAL = "95 % interval over processes and runs";

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

  async function latency({ rows }, tools) {
    const all = await Times.collect(rows);
    if (!all.length) return NOTHING();
    const { step, timings } = ofStep(all, tools);
    const points = timings.filter(Times.known).map((timing) => ({
      ...timing,
      name: Dom.plain(timing.cell.name),
      lane: Dom.plain(Pairs.label(timing.cell)),
      middle: Times.middle(timing),
      time: Times.explained(timing),
    }));
    const kinds = distinct(points, "what"),
      lanes = distinct(points, "lane");
    const heads = ["environment", "of", INTERVAL];
    const table = timings.map((timing) => [Pairs.label(timing.cell), timing.what, Times.explained(timing)]);
    const picture = lanes.length > MOST_LANES ? boxes(points, kinds) : strips(points, kinds, lanes);
    return Plots.figure(
      `Latency of ${step}`,
      explained(points, lanes) + Times.leftOut(timings),
      points.length ? picture : null,
      heads,
      table,
    );
  }

  const distinct = (points, name) => [...new Set(points.map((point) => point[name]))].sort(Sort.compare(""));

  function explained(points, lanes) {
    if (!points.length) return "No time here has an interval, so none is drawn.";
    if (lanes.length > MOST_LANES)
      return `in milliseconds, logarithmic; boxes of ${lanes.length} environments.`;
    return `in milliseconds, logarithmic; a line per environment, its ${INTERVAL}.`;
  }

  function strips(points, kinds, lanes) {
    const where = { y: "lane", fy: "what" },
      room = innerWidth >= NARROW;
    const names = { ...where, x: "high", text: "name", textAnchor: "start", dx: 8, fontSize: 11 };
    return {
      ...faceted(kinds, lanes.length * 15 + 44),
      marginLeft: 14,
      marginRight: room ? 250 : 20,
      x: { ...LOGARITHMIC, label: "ms" },
      y: { axis: null, domain: lanes },
      marks: [
        ...titles(kinds),
        Plot.ruleY(points, { ...where, x1: "low", x2: "high", strokeWidth: 2, strokeOpacity: 0.7 }),
        Plot.dot(points, {
          ...where,
          x: "middle",
          fill: "var(--accent)",
          r: 3.5,
          channels: { environment: "lane", time: "time" },
          tip: true,
        }),
        room ? Plot.text(points, names) : null,
      ],
    };
  }

  const LOGARITHMIC = { type: "log", grid: true, labelAnchor: "center", labelOffset: 38 };

  /** Pixels for the name of a facet above it. */
  const TITLE = 24;

  const faceted = (kinds, height) => ({
    height: kinds.length * height + 66,
    marginTop: 30,
    marginBottom: 44,
    fy: { axis: null, domain: kinds, padding: TITLE / height },
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
      marks: [Plot.boxX(points, { x: "middle", y: "what", fill: "var(--tint)", stroke: "currentColor" })],
    };
  }

  /** Of a cell to the chosen baseline, for everything that both timed. */
  async function ratio({ rows }, tools) {
    const all = await Times.collect(rows);
    if (!all.length) return NOTHING();
    const { step, timings } = ofStep(all, tools),
      fair = timings.filter(Times.known);
    if (!fair.length) return el("p", {}, `No time of ${step} has an interval.${Times.leftOut(timings)}`);
    const labels = [...new Set(fair.map(({ cell }) => Pairs.label(cell)))].sort(Sort.compare(""));
    const baseline = labels.includes(State.baseline) ? State.baseline : labels[0];
    tools.append(
      choice(
        "against",
        labels.map((label) => [label, Dom.plain(label)]),
        baseline,
        (baseline) => State.set({ baseline }),
        "baseline",
      ),
    );
    const ratios = against(baseline, timings),
      points = ratios.filter(Times.known);
    if (!ratios.length) return el("p", {}, "Nothing else timed the same as this baseline.");
    const lanes = [...new Set(points.map(({ lane }) => lane))].slice(0, MOST_CELLS);
    return picture(step, baseline, { ratios, points: points.filter(({ lane }) => lanes.includes(lane)) });
  }

  function against(baseline, timings) {
    const isBase = ({ cell }) => Pairs.label(cell) === baseline;
    const base = new Map(
      timings
        .filter((timing) => isBase(timing) && Times.known(timing))
        .map((timing) => [timing.what, timing]),
    );
    return timings
      .filter((timing) => base.has(timing.what) && !isBase(timing))
      .map((timing) => ({
        lane: Dom.plain(Pairs.label(timing.cell)),
        name: Dom.plain(timing.cell.name),
        what: timing.what,
        ...Times.ratio(timing, base.get(timing.what)),
      }));
  }

  function picture(step, baseline, { ratios, points }) {
    const kinds = distinct(points, "what"),
      lanes = [...new Set(points.map(({ lane }) => lane))];
    const names = new Map(points.map(({ lane, name }) => [lane, name]));
    const where = { y: "lane", fy: "what" },
      most = innerWidth < NARROW ? 18 : 44;
    const name = (lane) => Plots.short(names.get(lane).replace(/^torch/, ""), most);
    const ends = d3.extent(points.flatMap(({ low, high }) => [low, high, 1]));
    const more = new Set(ratios.filter(Times.known).map(({ lane }) => lane)).size - lanes.length;
    const said =
      `relative to ${Dom.plain(baseline)}; left of 1 is faster. Lines are intervals: ${INTERVAL}.` +
      Times.leftOut(ratios) +
      (more > 0 ? ` ${more} more environments are not drawn: filter.` : "");
    const heads = ["environment", "of", "ratio", "from", "to"];
    const figures = (point) =>
      Times.known(point) ? [point.ratio, point.low, point.high].map(Plots.figures) : [point.because, "", ""];
    const rows = ratios.map((point) => [point.lane, point.what, ...figures(point)]);
    return Plots.figure(
      `Ratio of ${step}`,
      said,
      points.length && {
        ...faceted(kinds, lanes.length * 17 + 48),
        marginLeft: Plots.left(lanes.map(name)),
        marginRight: 20,
        x: {
          ...LOGARITHMIC,
          label: "ratio of times",
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
            tip: true,
          }),
        ],
      },
      heads,
      rows,
    );
  }

  return { latency, ofStep, ratio };
})();
