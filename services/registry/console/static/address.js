// Addresses within the console: the part after '#', like `#/wall?booth=camping` or
// `#/charger/c1234`.

/**
 * @typedef {{screen: string, id: string | null, booth: string | null}} Place
 *   id: of the device that the screen is about; booth: empty: what is in none; null: all
 */

/**
 * @param {string} screen its name in screens.js
 * @param {{id?: string | null, booth?: string | null}} [of]
 */
export function addressOf(screen, { id = null, booth = null } = {}) {
  const path = id === null ? screen : `${screen}/${encodeURIComponent(id)}`;
  const query = booth === null ? '' : `?${new URLSearchParams({ booth })}`;
  return `#/${path}${query}`;
}

/**
 * Return where an address leads; null: it is none of the console's.
 * @param {string} hash
 * @returns {Place | null}
 */
export function placeIn(hash) {
  const [path, query] = hash.split('?');
  const found = /^#\/([a-z-]+)(?:\/([^/]+))?$/.exec(path);
  if (found === null) return null;
  try {
    const id = found[2] === undefined ? null : decodeURIComponent(found[2]);
    return { screen: found[1], id, booth: new URLSearchParams(query).get('booth') };
  } catch {
    return null; // not encoded as addresses are
  }
}
