// Tables as text: read, for a look and to stand beside their scores, and written.

/** Return {names, rows} of text with a header; cells are text. Commas, semicolons or tabs divide. */
export function readCsv(text) {
  const lines = cellsOf(text, dividerOf(text));
  return { names: lines[0] ?? [], rows: lines.slice(1) };
}

/** Return a table as text. */
export function writeCsv(names, rows) {
  return `${[names, ...rows].map((row) => row.map(cell).join(",")).join("\n")}\n`;
}

function cell(value) {
  const text = value === null || value === undefined ? "" : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function dividerOf(text) {
  const first = text.slice(0, text.search(/[\r\n]|$/));
  const count = (divider) => first.split(divider).length;
  return [",", ";", "\t"].reduce((best, divider) => (count(divider) > count(best) ? divider : best));
}

/** Return the lines of a text as lists of cells; a cell in quotes may hold anything. */
export function cellsOf(text, divider) {
  const lines = [];
  let line = [];
  let own = "";
  let isQuoted = false;
  let wasQuoted = false;
  const endCell = () => {
    line.push(wasQuoted ? own : own.trim());
    own = "";
    wasQuoted = false;
  };
  const endLine = () => {
    endCell();
    if (line.length > 1 || line[0] !== "") lines.push(line);
    line = [];
  };
  for (let i = 0; i < text.length; i += 1) {
    const letter = text[i];
    if (isQuoted) {
      if (letter !== '"') own += letter;
      else if (text[i + 1] === '"') {
        own += '"';
        i += 1;
      } else isQuoted = false;
    } else if (letter === '"' && own.trim() === "") {
      own = "";
      isQuoted = true;
      wasQuoted = true;
    } else if (letter === divider) endCell();
    else if (letter === "\n") endLine();
    else if (letter !== "\r" && letter !== "\ufeff") own += letter;
  }
  endLine();
  return lines;
}
