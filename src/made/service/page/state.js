// What is shown, kept in the link: #model=people&given={"age":39}.

/** Return the state in the link. get(key) is undefined where nothing is kept. */
export function linkState() {
  const read = () => new URLSearchParams(location.hash.slice(1));

  function write(entries, isNew) {
    const text = entries.toString();
    const address = text ? `#${text}` : location.pathname + location.search;
    history[isNew ? "pushState" : "replaceState"](null, "", address);
  }

  return {
    get(key) {
      const text = read().get(key);
      if (text === null) return undefined;
      try {
        return JSON.parse(text);
      } catch {
        return text;
      }
    },
    /** Keep a value that JSON can hold; undefined or null forgets the key. */
    set(key, value) {
      const entries = read();
      if (value === undefined || value === null) entries.delete(key);
      else entries.set(key, isPlainText(value) ? value : JSON.stringify(value));
      write(entries, false);
    },
    /** Forget all, and keep these: a step that the browser can go back on. */
    begin(values) {
      write(new URLSearchParams(Object.entries(values)), true);
    },
  };
}

function isPlainText(value) {
  if (typeof value !== "string") return false;
  try {
    JSON.parse(value);
    return false;
  } catch {
    return true;
  }
}
