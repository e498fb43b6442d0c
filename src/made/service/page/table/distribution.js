// Answers about a number as something to draw: outlines of bars, or curves.

/** Return the ends of the axis: those of the bars without conditions. */
export function domainOf({ edges }) {
  return [edges[0], edges.at(-1)];
}

/**
 * Return points (x, share per unit) of an outline.
 *
 * An answer has masses between edges; or, where it is about one column alone, masses of values or densities
 * at values. Masses of values are put between `edges`.
 */
export function outline(answer, edges) {
  if (answer.edges) return steps(answer.edges, answer.masses);
  const { values, masses, densities } = answer;
  if (masses) return steps(edges, between(edges, values, masses));
  const [low, high] = [edges[0], edges.at(-1)];
  return values.map((value, i) => [value, densities[i]]).filter(([value]) => value >= low && value <= high);
}

function steps(edges, masses) {
  return masses.flatMap((mass, i) => {
    const density = mass / (edges[i + 1] - edges[i]);
    return [
      [edges[i], density],
      [edges[i + 1], density],
    ];
  });
}

function between(edges, values, masses) {
  const found = new Array(edges.length - 1).fill(0);
  const width = edges[1] - edges[0];
  values.forEach((value, i) => {
    const place = Math.floor((value - edges[0]) / width + 1e-9); // the last may be narrower
    if (value <= edges.at(-1) && place >= 0 && place < found.length) found[place] += masses[i];
  });
  return found;
}

/** Return the value below which a share of the distribution lies, of those that the answer has. */
export function quantile(answer, share) {
  return answer.quantiles.find((own) => own.share === share)?.value ?? null;
}
