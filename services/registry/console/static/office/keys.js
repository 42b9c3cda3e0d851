// What is known of keys, and how a code is drawn. No page, no clock, no network.

/**
 * @typedef {{
 *   id: string, name: string, role: import('../session.js').Role, booth: string | null,
 *   created_at: string, last_used_at: string | null, expires_at: string | null,
 *   replaced_at: string | null, revoked_at: string | null,
 * }} Key
 */

/** Light modules around a QR code, as the norm has it. */
const QUIET = 4;

/**
 * Tell whether a key is good for nothing any more.
 * @param {Key} key
 * @param {number} now
 */
export function isOver({ revoked_at: revoked, expires_at: expires }, now) {
  return revoked !== null || (expires !== null && Date.parse(expires) <= now);
}

/**
 * Return how wide a QR code is with its margin, and what is dark in it, as the path of an SVG.
 * @param {string[]} rows of 1 for dark and 0 for light
 */
export function drawn(rows) {
  const path = rows.flatMap((row, y) =>
    [...row.matchAll(/1+/g)].map(
      ({ index, 0: { length } }) => `M${index + QUIET} ${y + QUIET}h${length}v1h-${length}z`,
    ),
  );
  return { width: rows.length + 2 * QUIET, path: path.join('') };
}

/**
 * Write how much time is left, as 4:05; null: none.
 * @param {number} ms
 */
export function timeLeft(ms) {
  const seconds = Math.ceil(ms / 1000);
  if (seconds <= 0) return null;
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/**
 * Tell whether an address leads nowhere from another device.
 * @param {string} hostname as in a URL
 */
export function isOnlyHere(hostname) {
  return /^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname);
}
