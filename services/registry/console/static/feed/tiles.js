// What is known of all chargers of a wall, whatever the order in which it is told, and however
// often. No I/O, no page, no clock.

/**
 * A charger as the hub shows it: `Tile` of /openapi.json.
 * @typedef {{
 *   charger: string, label: string, booth: string | null, location: string,
 *   widget: string | null, rental: {id: string, ticket: string | null, opened_at: string} | null,
 *   level: number | null, light: 'charging' | 'charging80' | 'charged' | null,
 *   light_since: string | null, online: boolean, problem: string | null,
 *   ready: {earliest_at: string, latest_at: string} | null,
 *   pairing_number: number | null, revision: number[] | null,
 * }} Tile
 */

/**
 * After which change of which registry's feed.
 * @typedef {{feed: string, number: number}} Position
 */

/**
 * @param {string} text
 * @returns {Position}
 */
export function readPosition(text) {
  const dash = text.lastIndexOf('-');
  return { feed: text.slice(0, dash), number: Number(text.slice(dash + 1)) };
}

/**
 * Tell whether a tile's light is older than that of the one that is known.
 * @param {Tile} tile
 * @param {Tile} known
 */
export function isOlder(tile, known) {
  if (tile.pairing_number === null || known.pairing_number === null) return false;
  if (tile.pairing_number !== known.pairing_number) {
    return tile.pairing_number < known.pairing_number;
  }
  if (tile.revision === null || known.revision === null) return false;
  const [epoch, sequence] = tile.revision;
  const [knownEpoch, knownSequence] = known.revision;
  return epoch === knownEpoch ? sequence < knownSequence : epoch < knownEpoch;
}

export class Tiles {
  constructor() {
    /** @type {Map<string, {tile: Tile | null, at: Position}>} */
    this.known = new Map();
    /** @type {{redis_away_since: string | null, postgres_away_since: string | null}} */
    this.hub = { redis_away_since: null, postgres_away_since: null };
    /** Where a stream goes on; null: nothing is known. @type {string | null} */
    this.position = null;
    /** How often all tiles were forgotten. */
    this.resets = 0;
    /** Whose tile is another one, or gone, since `takeChanged`. @type {Set<string>} */
    this.changed = new Set();
  }

  /**
   * @param {string} charger
   * @returns {Tile | null}
   */
  get(charger) {
    return this.known.get(charger)?.tile ?? null;
  }

  takeChanged() {
    const changed = this.changed;
    this.changed = new Set();
    return changed;
  }

  /**
   * Take all tiles at one position.
   * @param {{position: string, hub: any, tiles: Tile[]}} snapshot
   */
  onSnapshot(snapshot) {
    const at = readPosition(snapshot.position);
    const now = this.position === null ? null : readPosition(this.position);
    if (now !== null && now.feed === at.feed && now.number > at.number) return; // it came late
    this.onReset();
    for (const tile of snapshot.tiles) this.#put(tile.charger, tile, at);
    this.position = snapshot.position;
    this.hub = snapshot.hub;
  }

  /**
   * Take an event of the stream.
   * @param {string} name
   * @param {any} data
   * @param {string} id
   */
  onEvent(name, data, id) {
    if (name === 'reset') this.onReset();
    else if (name === 'hub') this.hub = data;
    else if (name === 'tiles' || name === 'gone') {
      const at = readPosition(id);
      for (const each of data) {
        if (name === 'gone') this.#put(each, null, at);
        else this.#put(each.charger, each, at);
      }
      this.#moveTo(id, at);
    }
  }

  /** Forget all tiles: everything follows. */
  onReset() {
    for (const [charger, { tile }] of this.known) if (tile) this.changed.add(charger);
    this.known.clear();
    this.position = null;
    this.resets += 1;
  }

  #put(charger, tile, at) {
    const known = this.known.get(charger);
    if (known && !isNext(known, tile, at)) return;
    this.known.set(charger, { tile, at });
    this.changed.add(charger);
  }

  #moveTo(id, at) {
    const now = this.position === null ? null : readPosition(this.position);
    if (now === null || now.feed !== at.feed || now.number < at.number) this.position = id;
  }
}

/**
 * Tell whether a tile (null: it is gone) comes after what is known.
 *
 * A registry numbers its changes, and its order is right: it compares lights itself. Between two
 * registries only the lights can be compared.
 */
function isNext(known, tile, at) {
  if (known.at.feed === at.feed) return at.number >= known.at.number;
  return tile === null || known.tile === null || !isOlder(tile, known.tile);
}
