// What this browser remembers between visits; nothing secret. A browser may refuse to.

/**
 * @typedef {'language' | 'appearance' | 'place' | 'session-until' | 'whose' | 'camera' | Unfinished} Name
 * @typedef {(typeof UNFINISHED)[number]} Unfinished
 * whose: what is unfinished is that one's
 */

/** What is being done at the desk: nobody else's business. */
const UNFINISHED = /** @type {const} */ (['hand-over', 'hand-over-sent', 'collection-sent']);

const PREFIX = 'chargelight-';

/** @param {Name} name */
export function recall(name) {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

/**
 * @param {Name} name
 * @param {string | null} text null: forget it
 */
export function remember(name, text) {
  try {
    if (text === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, text);
  } catch {
    // Then it is as at the first visit.
  }
}

export function forgetUnfinished() {
  for (const name of UNFINISHED) remember(name, null);
}

/**
 * Tell whether another tab has changed what is remembered under a name.
 * @param {StorageEvent} event
 * @param {Name} name
 */
export function isAbout({ key }, name) {
  return key === null || key === PREFIX + name; // null: it was all forgotten
}
