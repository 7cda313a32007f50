"use strict";
/* What is looked at, kept in the address behind "#", so that an address is a view. */
const State = (() => {
  /** Names in the address, what each one is when the address does not say, in the order of the address. */
  const DEFAULTS = {
    view: "environments",
    text: "",
    columns: "group",
    sort: "",
    open: "",
    axis: "cell",
    a: "",
    b: "",
    same: "",
    plot: "",
    subject: "",
    step: "",
    precision: "",
    baseline: "",
  };
  const state = { ...DEFAULTS, facets: new Map() };
  const listeners = [];

  function read() {
    const given = new URLSearchParams(location.hash.slice(1));
    for (const name of Object.keys(DEFAULTS)) state[name] = given.get(name) ?? DEFAULTS[name];
    state.facets = new Map();
    for (const axis of Filter.NAMES) if (given.has(axis)) state.facets.set(axis, new Set(given.getAll(axis)));
  }

  /** The address of this view, or of the one with `changes`. */
  function address(changes = {}) {
    const said = new URLSearchParams(),
      wanted = { ...state, ...changes };
    for (const [name, usual] of Object.entries(DEFAULTS))
      if (wanted[name] !== usual) said.set(name, wanted[name]);
    for (const [axis, values] of wanted.facets) for (const value of values) said.append(axis, value);
    return `#${said}`;
  }

  /** Change some of it and show that; without `remember` the back button skips it. */
  function set(changes, remember = true) {
    Object.assign(state, changes);
    // Addresses of a file may be changed behind the "#" only.
    history[remember ? "pushState" : "replaceState"](null, "", address());
    listeners.forEach((listener) => listener(changes));
  }

  /** The filters with other values on one axis. */
  function chosen(axis, values) {
    const facets = new Map(state.facets);
    if (values.size) facets.set(axis, values);
    else facets.delete(axis);
    return { facets };
  }

  /** Calls `listener` with what changed; with everything when another address is gone to. */
  function follow(listener) {
    listeners.push(listener);
    addEventListener("popstate", () => {
      read();
      listener({ ...state });
    });
  }

  return Object.assign(state, { address, chosen, follow, read, set });
})();
