"use strict";
/* How long steps take: intervals over processes and runs, as samcheck.measurable found them, or why there is none. */
const Times = (() => {
  /** What the page holds of a time → {low, high, processes, disturbed}, or {because}. */
  function of(time) {
    if (!Array.isArray(time)) return { because: time };
    const [low, high, processes, disturbed] = time;
    return { low, high, processes, disturbed };
  }

  const known = ({ because }) => because === undefined;

  /** The middle of an interval that is one of logarithms. */
  const middle = ({ low, high }) => Math.sqrt(low * high);

  /** Of every timed check in the rows: what was timed, in which cell, and its time. */
  async function collect(rows) {
    const numbers = await Data.numbers();
    return numbers.timed(rows).map((row) => {
      const { check, variant, precision, backend } = Data.definition(row);
      return {
        cell: Data.cellOf(row),
        step: check.replace(/^.*::(test_)?/, "").replace(/\[.*$/s, ""),
        what: Dom.plain([variant, precision, backend].filter(Boolean).join(" ")),
        ...of(numbers(row).time),
      };
    });
  }

  /** Of one time relative to another, with the interval that both of theirs allow; or why there is none. */
  function ratio(time, base) {
    if (!known(time)) return { because: time.because };
    const width = ({ low, high }) => Math.log(high / low),
      half = Math.hypot(width(time), width(base)) / 2;
    if (!narrow(Math.exp(-half), Math.exp(half))) return { because: Data.meta.unmeasurable.word };
    const ratio = middle(time) / middle(base);
    return { ratio, low: ratio * Math.exp(-half), high: ratio * Math.exp(half) };
  }

  const LIMITS = /_(low|high)$/;

  /** The ends of the interval that was stored with a number, or null. */
  function limits(metrics, name) {
    const [low, high] = [metrics[`${name}_low`], metrics[`${name}_high`]];
    return low === undefined || high === undefined ? null : [low, high];
  }

  /** Whether a number depends on how busy the machine was. */
  const isTime = (name) =>
    Data.meta.unmeasurable.times.some((end) => name.endsWith(end)) && !name.startsWith("claimed_");

  const narrow = (low, high) => 0 < low && low <= high && high <= Data.meta.unmeasurable.spread * low;

  /** A ratio that was stored with its interval. */
  const interval = (low, high) =>
    narrow(low, high)
      ? `${Plots.figures(low)} to ${Plots.figures(high)} (interval)`
      : Data.meta.unmeasurable.word;

  const text = (time) =>
    known(time) ? `${Plots.figures(time.low)} to ${Plots.figures(time.high)} ms` : time.because;

  /** With what the interval is of. */
  function explained(time) {
    if (!known(time)) return time.because;
    const { processes, disturbed } = time;
    const left = disturbed ? `, ${disturbed} disturbed left out` : "";
    return `${text(time)} (95 % interval, ${processes} processes${left})`;
  }

  /** "12 of 40 are left out: 10 not measurable on this machine; 2 …" */
  function leftOut(times) {
    const without = times.filter((time) => !known(time));
    if (!without.length) return "";
    const counts = d3.rollups(
      without,
      ({ length }) => length,
      ({ because }) => because,
    );
    const reasons = counts.sort(([, a], [, b]) => b - a).map(([because, many]) => `${many} × ${because}`);
    return ` ${without.length} of ${times.length} are left out: ${reasons.join("; ")}.`;
  }

  return { LIMITS, collect, explained, interval, isTime, known, leftOut, limits, middle, of, ratio };
})();
