"use strict";
/* Memory against the size of the image: counted from SAM's shapes, with what was measured. */
const Memory = (() => {
  const { choice, el } = Dom;
  const STEPS = ["encode", "predict", "automatic"];
  const NAMES = STEPS.map((step) => `${step}_allocated_mib`);
  /** The longer side of the image that peaks are measured on. */
  const MEASURED_SIDE = 640;
  /** Sides that have room for their numbers on a narrow screen. */
  const TICKS = [256, 512, 1024, 2048, 4096];
  /** Names of lines whose ends are nearer than this, as a logarithm, would lie on each other. */
  const CLOSE = 0.1;

  async function measured(rows) {
    const numbers = await Data.numbers(),
      points = [];
    for (const row of numbers.having(rows, NAMES)) {
      const { metrics } = numbers(row),
        { variant, precision } = Data.definition(row);
      for (const step of STEPS) {
        const [mib, held, counted] = ["allocated", "held", "counted"].map(
          (name) => metrics[`${step}_${name}_mib`],
        );
        if (Number.isFinite(mib))
          points.push({ cell: Data.cellOf(row), variant, precision, step, mib, held, counted });
      }
    }
    return points;
  }

  async function show({ rows }, tools) {
    const points = await measured(rows),
      curves = Data.meta.curves;
    const names = [...new Set(curves.map(({ variant }) => variant))];
    const usual = points.find(({ variant }) => names.includes(variant))?.variant ?? names[0];
    const variant = names.includes(State.subject) ? State.subject : usual;
    tools.append(
      choice(
        "of",
        names.map((name) => [name, name]),
        variant,
        (subject) => State.set({ subject }),
        "subject",
      ),
    );
    const own = points.filter((point) => point.variant === variant);
    return [
      against(variant, curves, own),
      own.length
        ? errors(variant, own)
        : el("p", {}, `No peaks of ${variant} were measured in what is selected.`),
    ];
  }

  function against(variant, curves, points) {
    const narrow = innerWidth < 700;
    const lines = curves
      .filter((curve) => curve.variant === variant)
      .flatMap(({ step, copying, sides, mib }) =>
        sides.map((side, at) => ({
          step,
          copying,
          name: step + (copying && !narrow ? " with copies" : ""),
          side,
          mib: mib[at],
        })),
      );
    const dots = points
      .filter(({ precision }) => precision === "fp32")
      .map((point) => ({ ...point, side: MEASURED_SIDE, name: Dom.plain(point.cell.name) }));
    const rows = lines.map(({ name, side, mib }) => [
      name,
      `${side} × ${(side * 3) / 4}`,
      Plots.figures(mib),
    ]);
    const last = ends(lines);
    return Plots.figure(
      `Memory of ${variant} in fp32`,
      "in MiB of tensors above the weights, logarithmic, against the longer side of a 4:3 image in pixels. Lines are counted from SAM's shapes, dashed where resizing copies (PyTorch 2 with one thread on a CPU); dots are measured.",
      {
        marginLeft: 60,
        marginRight: narrow ? 124 : 210,
        height: 420,
        marginBottom: 44,
        x: {
          type: "log",
          label: "longer side, pixels",
          labelAnchor: "center",
          ticks: [...new Set(lines.map(({ side }) => side))].filter(
            (side) => !narrow || TICKS.includes(side),
          ),
          tickFormat: "d",
        },
        y: { type: "log", label: "MiB", grid: true, tickFormat: "~g" },
        symbol: { legend: dots.length > 0, domain: STEPS },
        marks: [
          ...[false, true].map((copying) =>
            Plot.line(
              lines.filter((line) => line.copying === copying),
              { x: "side", y: "mib", z: "name", strokeWidth: 1.5, strokeDasharray: copying ? "5 4" : null },
            ),
          ),
          ...[false, true].map((copying) =>
            Plot.text(
              last.filter((line) => line.copying === copying),
              { x: "side", y: "mib", text: "name", textAnchor: "start", dx: 6, dy: copying ? -5 : 5 },
            ),
          ),
          Plot.dot(dots, {
            x: "side",
            y: "mib",
            symbol: "step",
            stroke: "var(--accent)",
            strokeWidth: 2,
            channels: { environment: "name" },
            tip: true,
          }),
        ],
      },
      ["step", "image", "counted, MiB"],
      rows,
    );
  }

  /** Where lines end, with their names; of those that end together, in one. */
  function ends(lines) {
    const most = Math.max(...lines.map(({ side }) => side)),
      labels = [];
    for (const line of lines.filter(({ side }) => side === most)) {
      const near = labels.find(({ mib }) => Math.abs(Math.log(mib / line.mib)) < CLOSE);
      if (near) near.name = near.name.replace(/ with copies$/, "") + `, ${line.name}`;
      else labels.push({ ...line });
    }
    return labels;
  }

  function errors(variant, points) {
    const made = points.map((point) => ({
      ...point,
      what: `${point.step} ${Dom.plain(point.precision)}`,
      ratio: point.mib / point.counted,
      name: Dom.plain(point.cell.name),
    }));
    const kinds = [...new Set(made.map(({ what }) => what))].sort();
    const rows = made.map((point) => [
      Pairs.label(point.cell),
      point.step,
      point.precision,
      Plots.figures(point.mib),
      Plots.figures(point.held),
      Plots.figures(point.counted),
    ]);
    return Plots.figure(
      `Measured by counted memory of ${variant}`,
      "a dot per environment; the suite allows a tenth, the dashed lines.",
      {
        marginLeft: Plots.left(kinds),
        height: kinds.length * 28 + 70,
        marginBottom: 44,
        x: {
          // What is many times as large would leave no room to tell the others apart.
          type: made.some(({ ratio }) => ratio > 3) ? "log" : "linear",
          label: "measured / counted",
          labelAnchor: "center",
          grid: true,
          tickFormat: "~g",
        },
        y: { label: null, domain: kinds },
        marks: [
          Plot.ruleX([1]),
          Plot.ruleX([0.9, 1.1], { strokeDasharray: "4 3" }),
          Plot.dot(made, {
            x: "ratio",
            y: "what",
            fill: "var(--accent)",
            r: 3.5,
            channels: { environment: "name" },
            tip: true,
          }),
        ],
      },
      ["environment", "step", "precision", "tensors, MiB", "process, MiB", "counted, MiB"],
      rows,
    );
  }

  return { NAMES, show };
})();
