"use strict";
/* Medians, and how sure they are. */
const Statistics = (() => {
  const RESAMPLES = 400;
  const [LOW, HIGH] = [0.025, 0.975];

  const sorted = (values) => Float64Array.from(values).sort();

  function quantile(ordered, share) {
    const place = share * (ordered.length - 1),
      below = Math.floor(place),
      above = Math.ceil(place);
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below);
  }

  const median = (values) => quantile(sorted(values), 0.5);

  /** Numbers from 0 to 1, the same in every browser and at every look (Mulberry32). */
  function chance(seed) {
    let state = seed;
    return () => {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
    };
  }

  const pick = (values, random) => values.map(() => values[Math.floor(random() * values.length)]);

  /** A median of medians, of processes drawn again and of their samples drawn again. */
  const redrawn = (processes, random) =>
    median(pick(processes, random).map((samples) => median(pick(samples, random))));

  const center = ({ processes, metrics }) =>
    processes.length ? median(processes.map(median)) : metrics.median_ms;

  /** Of one timing relative to another: {ratio, low, high, basis}, with what the interval can say. */
  function ratio(timing, base) {
    const middle = center(timing) / center(base);
    if (!timing.processes.length || !base.processes.length)
      return { ratio: middle, ...spread(timing, base, middle) };
    const random = chance(1),
      ratios = [];
    for (let at = 0; at < RESAMPLES; at++)
      ratios.push(redrawn(timing.processes, random) / redrawn(base.processes, random));
    const ordered = sorted(ratios),
      several = timing.processes.length > 1 && base.processes.length > 1;
    const basis = several
      ? "95% over processes and samples"
      : "95% within one process, blind to noise between runs";
    return { ratio: middle, low: quantile(ordered, LOW), high: quantile(ordered, HIGH), basis };
  }

  /** From means and deviations, where that is all there is. */
  function spread(timing, base, middle) {
    const share = ({ metrics }) => (metrics.stddev_ms / metrics.mean_ms) ** 2 / metrics.rounds;
    const error = 1.96 * Math.sqrt(share(timing) + share(base));
    if (!Number.isFinite(error))
      return { low: middle, high: middle, basis: "no interval: no deviation is stored" };
    const basis = "95% from mean and deviation of one process, blind to noise between runs";
    return { low: middle * Math.exp(-error), high: middle * Math.exp(error), basis };
  }

  return { center, median, quantile, ratio, sorted };
})();
