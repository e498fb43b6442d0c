// What is ticked in the bars of a card: values of a set, missing among them (null), or "not missing" alone.

export const RECORDED = { missing: false };

/** Return the condition that one more tick, or one less, makes of the values held. */
export function ticked(held, key, isChosen) {
  if (key === RECORDED) return isChosen ? RECORDED : null;
  const chosen = held.filter((own) => own !== key);
  if (isChosen) chosen.push(key);
  return chosen.length ? { in: chosen } : null;
}

/** Return the item of "not missing", beside that of "missing"; see `bars`. */
export function recordedItem(missing, condition) {
  return {
    key: RECORDED,
    label: "not missing",
    before: Math.max(0, 1 - missing.before),
    now: missing.now === null ? null : Math.max(0, 1 - missing.now),
    isChosen: condition?.missing === false,
  };
}
