"use strict";
/* Everything that is known of one check in one environment. */
const Details = (() => {
  const { button, el, outcome } = Dom;

  /** For a shell of POSIX, as one word. */
  const quoted = (text) => (/^[\w.:=@+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

  const command = (cell, check) => `samcheck repro ${quoted(cell.id)} ${quoted(check)}`;

  function check(row, { evidence, numbers, samples }, opened) {
    const definition = Data.definition(row),
      made = el("details", { class: "check" });
    const { outcome: word, reason } = Data.why(row);
    made.append(
      el(
        "summary",
        {},
        el("span", { class: "name" }, definition.check),
        " ",
        reason ? el("span", { class: "quiet" }, reason) : null,
      ),
    );
    const fill = () => {
      if (made.children.length === 1)
        made.append(...parts(row, definition, word, { evidence, numbers, samples }));
    };
    made.addEventListener("toggle", fill);
    if (opened) {
      made.open = true;
      fill();
    }
    return made;
  }

  function parts(row, definition, word, { evidence, numbers, samples }) {
    const cell = Data.cellOf(row),
      index = row - Data.start[cell.at],
      { defect, reason } = Data.why(row);
    const { seconds, metrics, time } = numbers(row);
    const settings = evidence ? evidence.tables.settings[evidence.cells[cell.at].settings[index]] : {};
    const traceback = evidence ? evidence.tables.details[evidence.cells[cell.at].details[index]] : "";
    const about = [
      ["outcome", outcome(word)],
      ["reason", reason],
      ["upstream defect", defect],
      ["group", definition.group],
      ["variant", definition.variant],
      ["precision", definition.precision],
      ["backend", definition.backend],
      ["ran for", seconds === null ? "" : `${seconds} s, once`],
      ["time", time === undefined ? "" : Times.explained(Times.of(time))],
    ].filter(([, value]) => value);
    return [
      Dom.pairs(about),
      ...measured(metrics),
      section("Settings, read back", Object.entries(settings)),
      ...series(samples(row)),
      ...pictures(evidence ? evidence.cells[cell.at].pictures[index] : null),
      traceback ? el("h4", {}, "Traceback, its end") : null,
      traceback ? Dom.block(traceback) : null,
      el("h4", {}, "See it again"),
      repeat(cell, definition.check),
    ].filter(Boolean);
  }

  /** Times and their ratios stand as intervals; those without one apart, as what they are. */
  function measured(metrics) {
    const raw = [],
      sure = [];
    const ends = (name) => (Times.LIMITS.test(name) ? name.replace(Times.LIMITS, "") in metrics : false);
    for (const [name, value] of Object.entries(metrics).filter(([name]) => !ends(name))) {
      const limits = Times.limits(metrics, name);
      if (limits) sure.push([name, Times.interval(...limits)]);
      else (Times.isTime(name) ? raw : sure).push([name, String(value)]);
    }
    return [section("Measured", sure), section("Raw, without an interval: not to be compared", raw)];
  }

  const section = (title, entries) =>
    entries.length ? el("div", {}, el("h4", {}, title), Dom.pairs(entries)) : null;

  /** Small PNGs in base64, which were looked at when the page was made. */
  function pictures(images) {
    if (!images) return [];
    const figures = Object.entries(images).map(([name, text]) =>
      el(
        "figure",
        {},
        el("img", { src: `data:image/png;base64,${text}`, alt: name }),
        el("figcaption", {}, name),
      ),
    );
    return [el("h4", {}, "Masks"), el("div", { class: "pictures" }, ...figures)];
  }

  function repeat(cell, check) {
    const text = command(cell, check),
      said = el("span", { role: "status" });
    const copy = button("Copy", async () => {
      try {
        await navigator.clipboard.writeText(text);
        Dom.fill(said, " copied");
      } catch {
        Dom.fill(said, " the browser does not let this page copy: select the text");
      }
    });
    const link = Dom.link("Link to this check", Evidence.opened(cell.at, { check }));
    return el("div", { class: "repeat" }, Dom.block(text), copy, " ", link, said);
  }

  function series(processes) {
    return processes.map((series, number) => {
      const figures = Object.entries(series.samples).map(([name, values]) => {
        const finite = values.filter(Number.isFinite);
        const [low, middle, high] = [d3.min, d3.median, d3.max].map((of) => Plots.figures(of(finite)));
        return [name, finite.length ? `range ${low} to ${high}, median ${middle}` : "–"];
      });
      const mark = series.disturbed.length ? ": disturbed, left out" : "";
      return section(`Raw samples of process ${number + 1} of ${processes.length}${mark}`, [
        ...figures,
        ["rounds", `${series.rounds}, behind ${series.warmup} for warming up; stopped: ${series.stopped}`],
        ["disturbed", series.disturbed.join("; ") || "no"],
        ...Object.entries(series.readings).map(([name, value]) => [name, String(value)]),
      ]);
    });
  }

  return { check, command };
})();
