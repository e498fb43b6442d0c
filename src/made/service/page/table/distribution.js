// The answer about a number as something to draw: its curve or bars, and where its mass lies.

const MOST_BINS = 40;

/** Return the ends between which nearly all of the mass of answers lies. */
export function domainOf(answer, { low, high, step }) {
  const { values } = answer;
  if (!values.length) return [low ?? 0, high ?? 1];
  const masses = massesOf(answer);
  const total = masses.reduce((sum, own) => sum + own, 0);
  let [first, last] = [0, values.length - 1];
  for (let sum = masses[first]; sum < 0.002 * total && first < last; sum += masses[first]) first += 1;
  for (let sum = masses[last]; sum < 0.002 * total && last > first; sum += masses[last]) last -= 1;
  let ends = [values[first], values[last]];
  if (low !== null && low !== undefined) ends[0] = Math.max(ends[0], low);
  if (high !== null && high !== undefined) ends[1] = Math.min(ends[1], high);
  if (ends[0] >= ends[1]) ends = [Math.min(...ends) - 0.5 * (step ?? 1), Math.max(...ends) + 0.5 * (step ?? 1)];
  return step && answer.masses ? [ends[0] - step / 2, ends[1] + step / 2] : ends;
}

function massesOf({ values, masses, densities }) {
  if (masses) return masses;
  return values.map((value, i) => {
    const [before, after] = [values[Math.max(i - 1, 0)], values[Math.min(i + 1, values.length - 1)]];
    return (densities[i] * (after - before)) / 2;
  });
}

/** Return the width of bars over a domain: a whole number of steps; null where there is a curve. */
export function binWidth(answer, [low, high], step) {
  if (!answer.masses) return null;
  const own = step || 1;
  return own * Math.max(1, Math.ceil((high - low) / own / MOST_BINS));
}

/** Return points (x, density) of an outline: of bars of a width, or of a curve. */
export function outline(answer, [low, high], width) {
  if (width === null) return curve(answer, low, high);
  const n = Math.max(1, Math.ceil((high - low) / width - 1e-9));
  const bins = new Float64Array(n);
  answer.values.forEach((value, i) => {
    const bin = Math.floor((value - low) / width + 1e-9);
    if (bin >= 0 && bin < n) bins[bin] += answer.masses[i] / width;
  });
  return [...bins].flatMap((density, i) => [
    [low + i * width, density],
    [Math.min(low + (i + 1) * width, high), density],
  ]);
}

function curve({ values, densities }, low, high) {
  const points = [];
  values.forEach((value, i) => {
    if (value >= low && value <= high) points.push([value, densities[i]]);
  });
  return points;
}

/** Return the value below which a share of the distribution lies, of those that the answer has. */
export function quantile(answer, share) {
  return answer.quantiles.find((own) => own.share === share)?.value ?? null;
}
