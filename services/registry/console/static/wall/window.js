// Which rows of a long list are in sight: only those are in the page, however many there are. No
// page here.

/** So many rows beyond each edge are there already when they are scrolled to. */
const BEYOND = 2;

/**
 * @param {{
 *   count: number, columns: number, rowHeight: number,
 *   above: number,
 *   height: number,
 * }} list above: how far its beginning is above the top of the window; height: of the window
 * @returns {{first: number, end: number, offset: number, height: number}} the first in sight, the one
 *   after the last, how far down the first one is, and the height of the whole list
 */
export function inSight({ count, columns, rowHeight, above, height }) {
  const rows = Math.ceil(count / columns);
  const lastRow = Math.min(rows, Math.ceil((above + height) / rowHeight) + BEYOND);
  // A list that got shorter may end above the window: then its last row is there.
  const firstRow = Math.max(0, Math.min(Math.floor(above / rowHeight) - BEYOND, rows - 1));
  return {
    first: firstRow * columns,
    end: Math.min(count, lastRow * columns),
    offset: firstRow * rowHeight,
    height: rows * rowHeight,
  };
}
