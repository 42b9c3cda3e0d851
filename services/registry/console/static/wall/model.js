// What a wall shows of the tiles that are known: in which order, which of them, and how many there
// are of each kind. No I/O, no page, no clock.

/** @typedef {import('../feed/tiles.js').Tile} Tile */
/** @typedef {'all' | 'ready' | 'problems'} Filter */

/** @type {Record<string, 'charging' | 'soon' | 'ready'>} */
const KIND_OF_LIGHT = { charging: 'charging', charging80: 'soon', charged: 'ready' };

/**
 * What a tile looks like. One that is offline still has a light: its widget shows the last one.
 * @param {Pick<Tile, 'online' | 'light'>} tile
 */
export function kindOf(tile) {
  return tile.online ? lightOf(tile) : 'offline';
}

/** @param {Pick<Tile, 'light'>} tile */
export function lightOf(tile) {
  return tile.light === null ? 'dark' : KIND_OF_LIGHT[tile.light];
}

/** In the order in which people count: left 2 before left 10. @param {Tile} tile */
function keyOf(tile) {
  const words = (tile.label || tile.charger).toLowerCase();
  return words.replace(/\d+/g, (digits) => digits.padStart(9, '0'));
}

function countsOf() {
  return { charging: 0, soon: 0, ready: 0, dark: 0, offline: 0, problems: 0 };
}

export class WallModel {
  /** @param {import('../feed/tiles.js').Tiles} tiles */
  constructor(tiles) {
    this.tiles = tiles;
    this.counts = countsOf();
    /** @type {Map<string, {tile: Tile, key: string}>} */
    this.shown = new Map();
    /** @type {{tile: Tile, key: string}[]} */
    this.sorted = [];
    this.isSorted = true;
    /** @type {Map<Filter, Tile[]>} */
    this.lists = new Map();
  }

  /** Take what has changed since this was last called. */
  update() {
    const changed = this.tiles.takeChanged();
    if (changed.size) this.lists.clear();
    for (const charger of changed) {
      const before = this.shown.get(charger);
      const tile = this.tiles.get(charger);
      if (before) this.#count(before.tile, -1);
      if (!tile) {
        this.shown.delete(charger);
        this.isSorted &&= !before;
        continue;
      }
      this.#count(tile, 1);
      const key = before && before.tile.label === tile.label ? before.key : keyOf(tile);
      if (before && before.key === key) {
        before.tile = tile;
      } else {
        this.shown.set(charger, { tile, key });
        this.isSorted = false;
      }
    }
  }

  /**
   * Return the tiles to show.
   * @param {Filter} filter
   */
  list(filter) {
    let list = this.lists.get(filter);
    if (!list) {
      list = this.#all().filter((tile) => isShown(tile, filter));
      // The one that has waited longest first; where that is not known, last.
      if (filter === 'ready') list.sort((a, b) => compare(a.light_since ?? '~', b.light_since ?? '~'));
      this.lists.set(filter, list);
    }
    return list;
  }

  #all() {
    if (!this.isSorted) {
      this.sorted = [...this.shown.values()].sort(
        (a, b) => compare(a.key, b.key) || compare(a.tile.charger, b.tile.charger),
      );
      this.isSorted = true;
    }
    return this.sorted.map(({ tile }) => tile);
  }

  #count(tile, by) {
    this.counts[lightOf(tile)] += by;
    if (!tile.online) this.counts.offline += by;
    if (tile.problem) this.counts.problems += by;
  }
}

function isShown(tile, filter) {
  if (filter === 'ready') return tile.light === 'charged';
  return filter === 'all' || tile.problem !== null;
}

function compare(a, b) {
  return a < b ? -1 : Number(a > b);
}
