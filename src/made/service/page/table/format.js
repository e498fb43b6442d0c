// Numbers, dates and shares as people read them, and the ticks of an axis.

// Weeks are counted from Monday, 5 January 1970, the first after the epoch.
const FIRST_MONDAY = 4;
const DAY = 86_400_000;

/** Return the date of the Monday of a week, as text. */
export function dateOfWeek(week) {
  const date = new Date((FIRST_MONDAY + 7 * Math.round(week)) * DAY);
  return Number.isNaN(date.valueOf()) ? String(week) : date.toISOString().slice(0, 10);
}

/** Return the week that a date, as text, lies in. */
export function weekOfDate(text) {
  return Math.floor((Date.parse(text) / DAY - FIRST_MONDAY) / 7);
}

/** Return a value of a variable as text. */
export function shown(value, variable = {}) {
  if (value === null || value === undefined) return "missing";
  if (variable.part === "week") return dateOfWeek(value);
  return typeof value === "number" ? number(value) : String(value);
}

/** Return a number in at most six digits. */
export function number(value) {
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e9)) return value.toExponential(2);
  return String(Number(value.toPrecision(6)));
}

/** Return a probability in percent. */
export function percent(share) {
  const own = 100 * share;
  if (own === 0) return "0 %";
  if (own < 0.1) return "<0.1 %";
  return `${own < 9.95 ? own.toFixed(1) : own.toFixed(0)} %`;
}

/** Return at most `most` round numbers between two ends. */
export function ticks(low, high, most = 5) {
  const span = high - low;
  if (!(span > 0)) return [low];
  const rough = span / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => span / each <= most);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** Say how sure an answer is: {text, isPoor}. The error of log p is in nats. */
export function certainty({ method, error, ess }, { inNats = false } = {}) {
  const worst = Array.isArray(error) ? Math.max(0, ...error.filter((own) => own !== null)) : error;
  if (method === "exact") return { text: "exact", isPoor: false };
  const nats = `${worst < 0.005 ? "<0.01" : worst.toFixed(2)} nats`;
  const share = inNats ? nats : percent(worst);
  if (method === "quadrature") return { text: `integrated, error up to ${share}`, isPoor: false };
  const isPoor = ess !== null && ess < 30;
  const unit = Array.isArray(error) ? `${worst < 0.0005 ? "<0.1" : (100 * worst).toFixed(1)} points` : share;
  const particles = ess === null ? "" : `, ${Math.round(ess)} effective particles`;
  return { text: `estimated ± ${unit}${particles}${isPoor ? ": too few to be trusted" : ""}`, isPoor };
}
