"use strict";
/* Orders: of values (versions as versions), and of millions of numbers by the rank of what they stand for. */
const Sort = (() => {
  const collator = new Intl.Collator("en", { numeric: true });

  const known = new Map();

  /** Compares two values of an axis; those that have an order of their own stand in it. */
  function compare(axis) {
    const order = axis === "outcome" ? Data.meta.severity : Data.meta.order[axis];
    if (axis === "reason") return (a, b) => (a < b ? -1 : a > b ? 1 : 0); // a hundred thousand sentences
    if (!order) return collator.compare;
    const rank = (value) => (order.includes(value) ? order.indexOf(value) : order.length);
    return (a, b) => rank(a) - rank(b) || collator.compare(a, b);
  }

  /** The rank of each item by its value for `field`, equal values having the same; found once. */
  function ranks(items, value, field) {
    if (!known.has(items)) known.set(items, new Map());
    const fields = known.get(items);
    if (!fields.has(field)) {
      const values = items.map(value);
      const numbers = new Map([...new Set(values)].sort(compare(field)).map((value, at) => [value, at]));
      fields.set(
        field,
        Int32Array.from(values, (value) => numbers.get(value)),
      );
    }
    return fields.get(field);
  }

  /** `rows` by the rank that `rankOf` gives, stable; counted, since comparing takes ten times as long. */
  function byRank(rows, rankOf, most, descending) {
    const starts = new Int32Array(most + 2);
    const place = (row) => (descending ? most - rankOf(row) : rankOf(row));
    for (let at = 0; at < rows.length; at++) starts[place(rows[at]) + 1]++;
    for (let at = 1; at < starts.length; at++) starts[at] += starts[at - 1];
    const sorted = new Int32Array(rows.length);
    for (let at = 0; at < rows.length; at++) sorted[starts[place(rows[at])]++] = rows[at];
    return sorted;
  }

  /** "torch" or "-torch" → name and direction. */
  const parse = (text) => ({ field: text.replace(/^-/, ""), descending: text.startsWith("-") });

  return { byRank, compare, parse, ranks };
})();
