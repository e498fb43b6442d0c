// Pictures and maps on a canvas, sharp at any size, in the colours of the page.

import { UNKNOWN } from "./picture.js";

/**
 * A canvas that draws itself anew when its size or the colours of the page change.
 *
 * `draw(pen)` gets a pen; `stop()` ends the watching.
 */
export class Surface {
  constructor(canvas, height, width, draw) {
    this.canvas = canvas;
    this.height = height;
    this.width = width;
    this.draw = draw;
    canvas.style.aspectRatio = `${width} / ${height}`;
    this.sizes = new ResizeObserver(() => this.again());
    this.sizes.observe(canvas);
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.onColours = () => this.again();
    this.dark.addEventListener("change", this.onColours);
    this.themes = new MutationObserver(this.onColours);
    this.themes.observe(document.documentElement, { attributes: true });
  }

  stop() {
    this.sizes.disconnect();
    this.themes.disconnect();
    this.dark.removeEventListener("change", this.onColours);
    cancelAnimationFrame(this.frame);
  }

  /** Draw before the next picture of the screen. */
  again() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.now());
  }

  now() {
    const sharpness = Math.min(devicePixelRatio || 1, 2);
    const wide = Math.max(Math.round(this.canvas.clientWidth * sharpness), this.width);
    const high = Math.round((wide * this.height) / this.width);
    if (this.canvas.width !== wide || this.canvas.height !== high) {
      this.canvas.width = wide;
      this.canvas.height = high;
    }
    this.draw(new Pen(this.canvas, this.height, this.width, sharpness));
  }
}

/** Draws pixels of a picture; a place is a number, row by row. */
export class Pen {
  constructor(canvas, height, width, sharpness) {
    this.context = canvas.getContext("2d");
    this.height = height;
    this.width = width;
    this.sharpness = sharpness;
    this.cell = canvas.width / width;
    const style = getComputedStyle(canvas);
    this.colour = (name) => style.getPropertyValue(`--image-${name}`).trim();
  }

  /** The rectangle of a pixel: left, top, width, height in whole points. */
  box(d) {
    const [left, right] = [0, 1].map((end) => Math.round(((d % this.width) + end) * this.cell));
    const [top, bottom] = [0, 1].map((end) => Math.round((Math.floor(d / this.width) + end) * this.cell));
    return [left, top, right - left, bottom - top];
  }

  /** Pixels by their marks: grey between paper and ink; what is unknown is hatched. */
  marks(marks, nLevels) {
    const { context } = this;
    const [paper, ink] = [this.colour("paper"), this.colour("ink")].map(channels);
    this.unknown();
    marks.forEach((mark, d) => {
      if (mark === UNKNOWN) return;
      context.fillStyle = between(paper, ink, (mark - 1) / Math.max(nLevels - 1, 1));
      context.fillRect(...this.box(d));
    });
  }

  /** Everything as unknown. */
  unknown() {
    this.context.fillStyle = this.colour("unknown");
    this.context.fillRect(0, 0, this.context.canvas.width, this.context.canvas.height);
    this.hatch();
  }

  /** Diagonal lines over everything that is drawn so far. */
  hatch() {
    const { context } = this;
    const { width, height } = context.canvas;
    const step = Math.max(Math.min(this.cell / 2, 8 * this.sharpness), 4 * this.sharpness);
    context.strokeStyle = this.colour("hatch");
    context.lineWidth = this.sharpness;
    context.beginPath();
    for (let x = -height; x < width; x += step) {
      context.moveTo(x, height);
      context.lineTo(x + height, 0);
    }
    context.stroke();
  }

  /** Thin lines between pixels, where these are large enough for that. */
  grid() {
    if (this.cell < 7 * this.sharpness) return;
    const { context } = this;
    context.strokeStyle = this.colour("grid");
    context.lineWidth = 1;
    context.beginPath();
    for (let column = 1; column < this.width; column += 1) {
      const x = Math.round(column * this.cell) - 0.5;
      context.moveTo(x, 0);
      context.lineTo(x, context.canvas.height);
    }
    for (let row = 1; row < this.height; row += 1) {
      const y = Math.round(row * this.cell) - 0.5;
      context.moveTo(0, y);
      context.lineTo(context.canvas.width, y);
    }
    context.stroke();
  }

  /** The line between the pixels that are in a set and those that are not. */
  border(isIn, name = "border") {
    const { context, height, width, cell } = this;
    context.strokeStyle = this.colour(name);
    context.lineWidth = 2 * this.sharpness;
    context.beginPath();
    for (let d = 0; d < height * width; d += 1) {
      const [row, column] = [Math.floor(d / width), d % width];
      if (column + 1 < width && isIn(d) !== isIn(d + 1)) {
        context.moveTo(Math.round((column + 1) * cell), Math.round(row * cell));
        context.lineTo(Math.round((column + 1) * cell), Math.round((row + 1) * cell));
      }
      if (row + 1 < height && isIn(d) !== isIn(d + width)) {
        context.moveTo(Math.round(column * cell), Math.round((row + 1) * cell));
        context.lineTo(Math.round((column + 1) * cell), Math.round((row + 1) * cell));
      }
    }
    context.stroke();
  }

  /** A frame of two tones around a rectangle of pixels, seen on any ground. */
  frame(row, column, size = 1) {
    const { context, sharpness } = this;
    const rows = [Math.max(row, 0), Math.min(row + size, this.height)];
    const columns = [Math.max(column, 0), Math.min(column + size, this.width)];
    const [top, bottom] = rows.map((at) => Math.round(at * this.cell));
    const [left, right] = columns.map((at) => Math.round(at * this.cell));
    for (const [wide, colour] of [
      [5, "paper"],
      [2.5, "cursor"],
    ]) {
      context.lineWidth = wide * sharpness;
      context.strokeStyle = this.colour(colour);
      const inside = 1.5 * sharpness;
      context.strokeRect(left + inside, top + inside, right - left - 2 * inside, bottom - top - 2 * inside);
    }
  }

  /** Pixels by a number from 0 to 1, from the palest to the strongest colour of a map; NaN is hatched. */
  heat(shares) {
    if (shares.some(Number.isNaN)) this.unknown();
    const stops = [0, 1, 2, 3].map((stop) => channels(this.colour(`heat-${stop}`)));
    shares.forEach((value, d) => {
      if (Number.isNaN(value)) return;
      this.context.fillStyle = along(stops, value);
      this.context.fillRect(...this.box(d));
    });
  }

  /** A point in the middle of each pixel of a set: dark on pale ones, pale on strong ones. */
  points(isIn, shares) {
    const { context } = this;
    shares.forEach((value, d) => {
      if (!isIn(d)) return;
      const [left, top, wide, high] = this.box(d);
      context.fillStyle = this.colour(value > 0.6 ? "heat-0" : "point");
      context.beginPath();
      context.arc(left + wide / 2, top + high / 2, Math.max(wide * 0.14, 1), 0, 2 * Math.PI);
      context.fill();
    });
  }

  /** A number in a corner of a pixel, or beside it where it is small. */
  label(d, text) {
    const { context, sharpness } = this;
    const size = Math.max(Math.min(this.cell * 0.42, 15 * sharpness), 11 * sharpness);
    const [left, top, wide] = this.box(d);
    const small = wide < 2 * size;
    const x = Math.min(left + (small ? wide : size * 0.75), context.canvas.width - size * 0.7);
    const y = Math.max(top + (small ? 0 : size * 0.75), size * 0.7);
    context.font = `600 ${size}px system-ui, sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillStyle = this.colour("paper");
    context.beginPath();
    context.arc(x, y, size * 0.68, 0, 2 * Math.PI);
    context.fill();
    context.strokeStyle = context.fillStyle = this.colour("ink");
    context.lineWidth = sharpness;
    context.stroke();
    context.fillText(text, x, y + size * 0.05);
  }
}

/** Red, green and blue of a colour as #rrggbb. */
function channels(colour) {
  const digits = colour.replace("#", "");
  return [0, 2, 4].map((at) => parseInt(digits.slice(at, at + 2), 16));
}

function between(one, other, share) {
  return `rgb(${one.map((value, i) => Math.round(value + (other[i] - value) * share)).join(" ")})`;
}

function along(stops, share) {
  const at = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
  const low = Math.min(Math.floor(at), stops.length - 2);
  return between(stops[low], stops[low + 1], at - low);
}
