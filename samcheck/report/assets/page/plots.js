"use strict";
/* Pictures of numbers, by Observable Plot; the numbers stand below each. */
const Plots = (() => {
  const { choice, el } = Dom;
  const MOST_ROWS = 400;
  const KINDS = {
    latency: ["Latency", () => Timings.latency],
    ratio: ["Ratio to a baseline", () => Timings.ratio],
    memory: ["Memory against image size", () => Memory.show],
    history: ["History", () => Past.show],
  };

  /** A plot of observable's with its words and its numbers; without `options` nothing is drawn. */
  function figure(title, explanation, options, heads, rows) {
    const width = Math.max(300, Math.min(1240, document.getElementById("view").clientWidth - 34));
    const drawn = options ? drawing(title, { width, ...options }) : null;
    const numbers = el("details", { class: "numbers" }, el("summary", {}, "The same as numbers"));
    numbers.addEventListener("toggle", () => {
      if (numbers.children.length > 1) return;
      numbers.append(Dom.table(heads, rows.slice(0, MOST_ROWS), title));
      if (rows.length > MOST_ROWS)
        numbers.append(el("p", {}, `${rows.length - MOST_ROWS} more rows are left out here: filter.`));
    });
    return el("figure", {}, el("figcaption", {}, el("strong", {}, title), " ", explanation), drawn, numbers);
  }

  function drawing(title, options) {
    const drawn = Plot.plot({
      ariaLabel: title,
      style: { background: "transparent", fontSize: "12px" },
      ...options,
    });
    silence(drawn, title);
    return drawn;
  }

  /** One picture with one name; its numbers stand beside it for those who hear the page. */
  function silence(drawn, title) {
    // With a legend, Plot gives a figure with several pictures in it.
    for (const picture of drawn.matches("svg") ? [drawn] : drawn.querySelectorAll("svg")) {
      picture.setAttribute("role", "img");
      picture.setAttribute("aria-label", title);
    }
    for (const mark of drawn.querySelectorAll("g[aria-label]")) {
      mark.dataset.mark = mark.getAttribute("aria-label");
      mark.removeAttribute("aria-label");
    }
  }

  /** Margin for names on the left, as far as the screen has room. */
  function left(names) {
    const longest = Math.max(4, ...names.map((name) => name.length));
    return Math.min(longest * 7 + 14, innerWidth < 700 ? 160 : 340);
  }

  const short = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

  const figures = (value) => (Number.isFinite(value) ? String(Number(value.toPrecision(4))) : "–");

  /** The plot that holds most of what is selected; times count where they have an interval. */
  async function fullest(selection) {
    const numbers = await Data.numbers();
    const latency = (await Times.collect(selection.rows)).filter(Times.known).length,
      memory = numbers.having(selection.rows, Memory.NAMES).length,
      history = Past.repeated(selection).flat().length;
    return Object.entries({ latency, memory, history }).reduce((most, one) =>
      one[1] > most[1] ? one : most,
    )[0];
  }

  async function show(container, selection) {
    const place = el("div", { class: "plots" }, el("p", {}, "Reading the numbers …")),
      tools = el("div", { class: "tools" });
    Dom.fill(container, tools, place);
    const kind = State.plot in KINDS ? State.plot : await fullest(selection);
    const options = Object.entries(KINDS).map(([key, [title]]) => [key, title]);
    tools.append(choice("Plot", options, kind, (plot) => State.set({ plot, step: "", subject: "" }), "plot"));
    const made = await KINDS[kind][1]()(selection, tools);
    Dom.fill(place, made);
  }

  return { figure, figures, left, short, show };
})();
