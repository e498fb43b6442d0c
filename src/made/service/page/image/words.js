// Numbers and answers in words: nats and bits, exact or estimated, places of pixels.

const MINUS = "\u2212";
const POOR = 30;

/** A number with so many decimals, with a proper minus. */
export function figure(number, decimals = 2) {
  const text = Math.abs(number).toFixed(decimals);
  return Number(text) !== 0 && number < 0 ? MINUS + text : text;
}

/** log p in nats and bits, with its error where it has one. */
export function logP(logProb, error = 0) {
  if (logProb === null || logProb === undefined) return "probability 0";
  const decimals = error > 0 ? decimalsFor(error) : 2;
  const own = (unit) => {
    const spread = error > 0 ? ` ± ${figure(error / unit, decimals)}` : "";
    return `${figure(logProb / unit, decimals)}${spread}`;
  };
  return `${own(1)} nats, ${own(Math.LN2)} bits`;
}

/** How an answer was found, and how sure it is. */
export function sureness({ method, error, ess }, how = `${method}: `) {
  if (method === "exact") return "exact";
  const spread =
    error === null || error === undefined ? "" : `standard error ${figure(error, decimalsFor(error))} nats`;
  const particles = ess === null || ess === undefined ? "" : `, effective sample size ${size(ess)}`;
  const poor = ess !== null && ess !== undefined && ess < POOR ? " (poor)" : "";
  return `${how}${spread}${particles}${poor}`;
}

function size(ess) {
  return ess < 10 ? figure(ess, 1) : Math.round(ess).toLocaleString("en");
}

/** Words as a sentence. */
export function sentence(words) {
  return `${words[0].toUpperCase()}${words.slice(1)}.`;
}

/** Whether an answer rests on few particles. */
export function isPoor({ method, ess }) {
  return method !== "exact" && ess !== null && ess !== undefined && ess < POOR;
}

function decimalsFor(error) {
  return error > 0 ? Math.min(Math.max(1 - Math.floor(Math.log10(error)), 1), 4) : 2;
}

/** Where a pixel is, counted from 1. */
export function place(d, width) {
  return `row ${Math.floor(d / width) + 1}, column ${(d % width) + 1}`;
}

/** What a mark means. */
export function markName(mark, values) {
  if (mark === 0) return "unknown";
  if (values.length === 2) return mark === 2 ? "ink" : "background";
  return mark === 1 ? `background (level ${values[0]})` : `level ${values[mark - 1]}`;
}

/** A probability as people write it. */
export function share(p) {
  if (p > 0.995 && p < 1) return "over 99 %";
  return p < 0.005 && p > 0 ? "under 1 %" : `${figure(100 * p, 0)} %`;
}
