"use strict";
/* The filters: one list of boxes to tick per axis, and a text. */
const Facets = (() => {
  const { button, el } = Dom;
  const TITLES = {
    device: "Device",
    driver: "Driver",
    torch: "PyTorch",
    cuda: "CUDA",
    python: "Python",
    numpy: "NumPy",
    result: "Environment is",
    day: "Date",
    kind: "Ran in",
    tier: "Tier",
    tag: "Tag",
    run: "Runs",
    variant: "Variant",
    precision: "Precision",
    backend: "Backend",
    group: "Group",
    outcome: "Check is",
    defect: "Defect",
  };
  const DELAY_MS = 120;
  const NOTHING = "(none)";
  let container, search, timer, boxes;

  function build(into) {
    container = into;
    search = el("input", {
      type: "search",
      id: "search",
      placeholder: "words in ids, reasons, checks …",
      oninput: () => later(),
    });
    boxes = el("div", { class: "facets" });
    const more = el("details", { id: "facet-panel", class: "panel" }, el("summary", {}, "Filters"), boxes);
    more.open = innerWidth >= 700;
    Dom.fill(
      container,
      el("label", { class: "search", for: "search" }, "Search ", search),
      more,
      el("p", { id: "chosen", class: "chosen" }),
    );
    for (const axis of Filter.NAMES) boxes.append(facet(axis));
    document.addEventListener("click", closeOthers);
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") closeAll();
    });
  }

  function later() {
    clearTimeout(timer);
    timer = setTimeout(() => State.set({ text: search.value }, false), DELAY_MS);
  }

  /** Its boxes are made when it is opened first. */
  function facet(axis) {
    const made = el(
      "details",
      { class: "facet", name: "facet", "data-axis": axis },
      el("summary", {}, TITLES[axis]),
    );
    made.addEventListener("toggle", () => {
      if (made.open && made.children.length === 1) made.append(options(axis));
    });
    made.hidden = Filter.values(axis).length < 2;
    return made;
  }

  function options(axis) {
    const chosen = State.facets.get(axis) ?? new Set();
    const labels = Filter.values(axis).map((value) => {
      const box = el("input", {
        type: "checkbox",
        value,
        checked: chosen.has(value),
        onchange: (event) => tick(axis, value, event.target.checked),
      });
      return el("label", {}, box, " ", value || NOTHING);
    });
    return el("div", { class: "options", role: "group", "aria-label": TITLES[axis] }, labels);
  }

  function tick(axis, value, on) {
    const values = new Set(State.facets.get(axis));
    if (on) values.add(value);
    else values.delete(value);
    State.set(State.chosen(axis, values));
  }

  function closeOthers(event) {
    if (!boxes.contains(event.target)) closeAll();
  }

  function closeAll() {
    for (const facet of boxes.children) facet.open = false;
  }

  function clear() {
    State.set({ facets: new Map(), text: "" });
  }

  /** What is chosen, in words, each to be taken back. */
  function show(selection) {
    if (document.activeElement !== search) search.value = State.text;
    const chosen = document.getElementById("chosen");
    const marks = [...State.facets].flatMap(([axis, values]) =>
      [...values].map((value) => mark(axis, value)),
    );
    if (State.text)
      marks.push(
        button(`text: ${State.text} ✕`, () => State.set({ text: "" }), {
          "aria-label": `take back the text ${Dom.plain(State.text)}`,
        }),
      );
    if (marks.length) marks.push(button("clear all", clear, { class: "link" }));
    const environments = Runs.of(selection).leads.length;
    const counts = `${Dom.count(environments, "environment")}, ${Dom.count(selection.rows.length, "check")}`;
    Dom.fill(
      chosen,
      el("span", { role: "status", id: "found" }, counts),
      ...marks.flatMap((chip) => [" ", chip]),
    );
    for (const facet of boxes.children) refresh(facet);
  }

  function mark(axis, value) {
    const said = `${TITLES[axis]}: ${value || NOTHING}`;
    return button(`${said} ✕`, () => tick(axis, value, false), {
      "aria-label": `take back ${Dom.plain(said)}`,
    });
  }

  function refresh(facet) {
    const axis = facet.dataset.axis,
      chosen = State.facets.get(axis) ?? new Set();
    Dom.fill(facet.firstElementChild, TITLES[axis] + (chosen.size ? ` (${chosen.size})` : ""));
    for (const box of facet.querySelectorAll("input")) box.checked = chosen.has(box.value);
  }

  return { TITLES, build, show };
})();
