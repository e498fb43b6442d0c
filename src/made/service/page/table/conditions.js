// What is held fixed: values, sets and ranges by variable, as requests and as people write them.

import { pythonOf } from "../share.js";
import { shown } from "./format.js";

/**
 * Return the conditions of a view, kept in the link under `where`, beside the context that all is under.
 *
 * A condition is {in: [...]} (null is missing), {low, high} or {missing: false}. changed() is called after
 * each change.
 */
export function createConditions(schema, state, context, changed) {
  const variables = new Map(schema.variables.map((own) => [own.name, own]));
  const kept = state.get("where");
  const own = new Map(Object.entries(kept ?? {}).filter(([name, one]) => variables.has(name) && isOne(one)));

  function put(name, condition) {
    if (condition === null) own.delete(name);
    else own.set(name, condition);
    state.set("where", own.size ? Object.fromEntries(own) : null);
    changed(name);
  }

  function requested(without) {
    return requestOf(
      [...own].filter(([name]) => name !== without),
      variables,
    );
  }

  return {
    get: (name) => own.get(name),
    names: () => [...own.keys()],
    /** Hold a variable to a condition; null releases it. */
    put,
    releaseAll() {
      own.clear();
      state.set("where", null);
      changed(null);
    },
    /** Return {given, where, context} of a request, without the condition on one variable. */
    request: (without) => ({ ...requested(without), ...context.request() }),
    /** Return a call of Python, begun, with the same as arguments; undefined where there is none. */
    python(call, without) {
      const last = context.python();
      return last === null ? undefined : `${call}${pythonArguments(requested(without))}${last})`;
    },
    text: (name) => textOf(variables.get(name), own.get(name)),
  };
}

function isOne(condition) {
  return (
    condition !== null &&
    typeof condition === "object" &&
    (Array.isArray(condition.in) || "low" in condition || "high" in condition || "missing" in condition)
  );
}

function requestOf(entries, variables) {
  const given = {};
  const where = [];
  for (const [name, condition] of entries) {
    const value = valueOf(condition);
    // A part of a date is no column of a row: it can be held by a condition alone.
    if (value !== undefined && value !== null && !variables.get(name).part) given[name] = value;
    else where.push({ column: name, ...condition });
  }
  return { ...(Object.keys(given).length ? { given } : {}), ...(where.length ? { where } : {}) };
}

/** Return the one value that a condition leaves; undefined where it leaves more. */
function valueOf(condition) {
  if (condition.in) return condition.in.length === 1 ? condition.in[0] : undefined;
  return condition.low !== undefined && condition.low === condition.high ? condition.low : undefined;
}

function pythonArguments({ given, where }) {
  const parts = [];
  if (given) parts.push(`given=${pythonOf(given)}`);
  if (where) {
    const entries = where.map(({ column, ...own }) => `${JSON.stringify(column)}: ${pythonCondition(own)}`);
    parts.push(`where={${entries.join(", ")}}`);
  }
  return parts.map((part) => `, ${part}`).join("");
}

function pythonCondition(condition) {
  if (condition.in) {
    return `[${condition.in.map((value) => (value === null ? "made.MISSING" : pythonOf(value))).join(", ")}]`;
  }
  if ("missing" in condition) return condition.missing ? "[made.MISSING]" : "made.RECORDED";
  return `made.Range(${pythonOf(condition.low ?? null)}, ${pythonOf(condition.high ?? null)})`;
}

function textOf(variable, condition) {
  if (condition.in) {
    const values = condition.in.map((value) => (value === null ? "missing" : shown(value, variable)));
    return `${values.length === 1 ? "is" : "in"} ${values.join(", ")}`;
  }
  if ("missing" in condition) return condition.missing ? "is missing" : "is not missing";
  const [low, high] = [condition.low, condition.high].map((end) => end !== undefined && shown(end, variable));
  if (condition.low === condition.high) return `is ${low}`;
  if (low === false) return `up to ${high}`;
  return high === false ? `from ${low}` : `${low} to ${high}`;
}
