"use strict";
/* Elements out of data. No script of this page makes markup out of a string: text stays text. */
const Dom = (() => {
  // Control, direction and unassigned characters would rearrange or hide what stands around them.
  const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\u2028\u2029]/gu;
  const UNSEEN_IN_LINES = /(?!\n)[\p{Cc}\p{Cf}\p{Co}\p{Cn}\u2028\u2029]/gu;
  const LONGEST = 20000;

  const code = (sign) => `\u27e8${sign.codePointAt(0).toString(16).toUpperCase()}\u27e9`;

  /** Foreign text in one line, what cannot be seen as its code. */
  function plain(text) {
    return cut(String(text))
      .replace(/[\r\n\t]+/g, " ")
      .replace(UNSEEN, code);
  }

  /** Foreign text with its line breaks. */
  function lines(text) {
    return cut(String(text)).replace(/\r\n?/g, "\n").replace(/\t/g, "    ").replace(UNSEEN_IN_LINES, code);
  }

  function cut(text) {
    return text.length > LONGEST ? `${text.slice(0, LONGEST)} … (${text.length} characters in all)` : text;
  }

  /** An element; attributes starting with "on" are listeners, children are elements or texts. */
  function el(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else made.setAttribute(name, value === true ? "" : value);
    }
    made.append(
      ...children
        .flat()
        .filter((child) => child !== null && child !== undefined)
        .map(node),
    );
    return made;
  }

  const node = (child) => (child instanceof Node ? child : document.createTextNode(plain(child)));

  /** Replaces what `parent` holds. */
  function fill(parent, ...children) {
    parent.replaceChildren(...children.flat().filter(Boolean).map(node));
    return parent;
  }

  /** Foreign text in lines, as it was printed. */
  function block(text) {
    const made = el("pre", { tabindex: "0" });
    made.textContent = lines(text);
    return made;
  }

  /** Sign and word of an outcome: never the colour alone. */
  function outcome(word, more = "") {
    const sign = Data.meta.symbols[word] ?? (Data.meta.severity.includes(word) ? "" : "✗");
    return el("span", { class: `outcome ${kind(word)}` }, `${sign} ${word}${more ? ` ${more}` : ""}`);
  }

  /** The colour of an outcome, of checks or of cells. */
  function kind(word) {
    if (word === "passed" || word === "fixed") return "good";
    if (word === "known") return "known";
    return word === "skipped" || word === "not-run" ? "none" : "bad";
  }

  /** Two columns of names and values. */
  function pairs(entries) {
    const rows = entries.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]);
    return el("dl", { class: "pairs" }, rows.flat());
  }

  /** A table with heads; every row is a list of texts or elements. */
  function table(heads, rows, caption) {
    const row = (tag, cells) =>
      el(
        "tr",
        {},
        cells.map((cell) => el(tag, tag === "th" ? { scope: "col" } : {}, cell)),
      );
    const made = el(
      "table",
      {},
      el("thead", {}, row("th", heads)),
      el(
        "tbody",
        {},
        rows.map((cells) => row("td", cells)),
      ),
    );
    if (caption) made.prepend(el("caption", {}, caption));
    return el(
      "div",
      { class: "scrolling", tabindex: "0", role: "region", "aria-label": caption || heads.join(", ") },
      made,
    );
  }

  const choice = (label, options, value, change, id) =>
    el(
      "label",
      { class: "choice" },
      `${label} `,
      el(
        "select",
        { id, onchange: (event) => change(event.target.value) },
        options.map(([key, text]) => el("option", { value: key, selected: key === value }, text)),
      ),
    );

  const button = (text, press, attributes = {}) =>
    el("button", { type: "button", onclick: press, ...attributes }, text);

  /** A link to this page with something changed in what is looked at. */
  const link = (text, changes) => el("a", { href: State.address(changes) }, text);

  const count = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

  return { block, button, choice, count, el, fill, kind, lines, link, outcome, pairs, plain, table };
})();
