// A picture that is drawn: one mark for each pixel, its history, and its short form in a link.

/** The mark of a pixel that is not known; level k is the mark k + 1. */
export const UNKNOWN = 0;

const MOST_UNDONE = 200;

/** Pixels of `height` rows and `width` columns, each unknown or of one of `values`. */
export class Picture {
  constructor(height, width, values) {
    this.height = height;
    this.width = width;
    this.values = values;
    this.marks = new Uint16Array(height * width);
    this.undone = [];
  }

  get size() {
    return this.marks.length;
  }

  get nKnown() {
    return this.marks.reduce((n, mark) => n + (mark !== UNKNOWN), 0);
  }

  get isComplete() {
    return this.nKnown === this.size;
  }

  get isEmpty() {
    return this.nKnown === 0;
  }

  /** Keep the picture as it is now, for `undo`: before a stroke. */
  keep() {
    this.undone.push(this.marks.slice());
    if (this.undone.length > MOST_UNDONE) this.undone.shift();
  }

  /** Go back to what was kept last; whether there was anything. */
  undo() {
    while (this.undone.length) {
      const before = this.undone.pop();
      if (before.some((mark, d) => mark !== this.marks[d])) {
        this.marks = before;
        return true;
      }
    }
    return false;
  }

  /** Give all pixels in a square of `size` around a pixel one mark; whether any changed. */
  paint(row, column, size, mark) {
    const before = Math.floor((size - 1) / 2);
    let changed = false;
    for (let r = Math.max(row - before, 0); r < Math.min(row - before + size, this.height); r += 1) {
      for (let c = Math.max(column - before, 0); c < Math.min(column - before + size, this.width); c += 1) {
        const d = r * this.width + c;
        changed ||= this.marks[d] !== mark;
        this.marks[d] = mark;
      }
    }
    return changed;
  }

  /** Paint along the straight line between two pixels. */
  stroke(from, to, size, mark) {
    const steps = Math.max(Math.abs(to.row - from.row), Math.abs(to.column - from.column), 1);
    let changed = false;
    for (let step = 0; step <= steps; step += 1) {
      const row = Math.round(from.row + ((to.row - from.row) * step) / steps);
      const column = Math.round(from.column + ((to.column - from.column) * step) / steps);
      changed = this.paint(row, column, size, mark) || changed;
    }
    return changed;
  }

  /** Replace all marks. */
  set(marks) {
    this.marks = Uint16Array.from(marks);
  }

  clear() {
    this.marks.fill(UNKNOWN);
  }

  /** What is known, by name of the column: what the service takes as a row. */
  toRow(names) {
    const row = {};
    this.marks.forEach((mark, d) => {
      if (mark !== UNKNOWN) row[names[d]] = this.values[mark - 1];
    });
    return row;
  }
}

/** The marks of a row that the service has answered; a value that is none of `values` is unknown. */
export function marksOf(row, names, values) {
  const levels = new Map(values.map((value, level) => [value, level + 1]));
  return Uint16Array.from(names, (name) => levels.get(row[name]) ?? UNKNOWN);
}

/** Marks as text for a link: runs, or bits where these are shorter; empty where nothing is known. */
export function written(marks, nLevels) {
  if (marks.every((mark) => mark === UNKNOWN)) return "";
  const runs = runsOf(marks);
  const bits = bitsOf(marks, bitsFor(nLevels));
  return runs.length < bits.length ? `r${asText(runs)}` : `b${asText(bits)}`;
}

/** The marks that `written` has written; null where the text is not of such a picture. */
export function read(text, size, nLevels) {
  if (!text) return new Uint16Array(size);
  try {
    const bytes = asBytes(text.slice(1));
    const marks = text[0] === "r" ? ofRuns(bytes, size) : ofBits(bytes, size, bitsFor(nLevels));
    return text[0] in { r: 1, b: 1 } && marks !== null && marks.every((mark) => mark <= nLevels)
      ? marks
      : null;
  } catch {
    return null;
  }
}

function bitsFor(nLevels) {
  return Math.ceil(Math.log2(nLevels + 1));
}

function runsOf(marks) {
  const bytes = [];
  let first = 0;
  for (let d = 1; d <= marks.length; d += 1) {
    if (d === marks.length || marks[d] !== marks[first]) {
      bytes.push(...varint(marks[first]), ...varint(d - first));
      first = d;
    }
  }
  return bytes;
}

function ofRuns(bytes, size) {
  const numbers = [];
  let number = 0;
  let shift = 0;
  for (const byte of bytes) {
    number += (byte & 127) * 2 ** shift;
    shift += 7;
    if (byte < 128) {
      numbers.push(number);
      number = shift = 0;
    }
  }
  const marks = new Uint16Array(size);
  let d = 0;
  for (let i = 0; i + 1 < numbers.length; i += 2) {
    if (d + numbers[i + 1] > size) return null;
    marks.fill(numbers[i], d, d + numbers[i + 1]);
    d += numbers[i + 1];
  }
  return d === size ? marks : null;
}

function varint(number) {
  const bytes = [];
  for (; number > 127; number = Math.floor(number / 128)) bytes.push((number % 128) + 128);
  return [...bytes, number];
}

function bitsOf(marks, each) {
  const bytes = new Uint8Array(Math.ceil((marks.length * each) / 8));
  marks.forEach((mark, d) => {
    for (let bit = 0; bit < each; bit += 1) {
      const at = d * each + bit;
      if ((mark >> bit) & 1) bytes[at >> 3] |= 1 << (at & 7);
    }
  });
  return bytes;
}

function ofBits(bytes, size, each) {
  if (bytes.length !== Math.ceil((size * each) / 8)) return null;
  return Uint16Array.from({ length: size }, (_, d) => {
    let mark = 0;
    for (let bit = 0; bit < each; bit += 1) {
      const at = d * each + bit;
      mark |= ((bytes[at >> 3] >> (at & 7)) & 1) << bit;
    }
    return mark;
  });
}

function asText(bytes) {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function asBytes(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (own) => own.charCodeAt(0));
}
