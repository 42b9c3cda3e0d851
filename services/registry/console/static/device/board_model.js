// How the tickets stand on the ready board: as large as there is room for, and never smaller than
// can be read from some metres. No page.

/** The height of a line, and the width of a digit, in parts of the size of the letters. */
const LINE = 1.35;
const DIGIT = 0.62;
/** Around a ticket. */
const MARGIN = 0.7;

const LARGEST = 260;
const PAGE_MS = 8000;

/**
 * @param {{width: number, height: number, count: number, longest: number}} of the room in px; longest:
 *   how many characters the longest ticket has
 * @returns {{columns: number, size: number, each: number}} size: of the letters, in px; each: how
 *   many tickets there is room for at once
 */
export function arrange({ width, height, count, longest }) {
  const least = leastSize(width, height);
  for (let size = LARGEST; size > least; size -= 4) {
    const found = fitting(size, width, height, longest);
    if (found.each >= count && found.isWide) return found;
  }
  return fitting(least, width, height, longest);
}

/**
 * Return which part is shown: where there is no room for all, one after the other.
 * @param {number} now
 * @param {number} count
 * @param {number} each
 */
export function pageAt(now, count, each) {
  const pages = Math.max(1, Math.ceil(count / each));
  return { page: Math.floor(now / PAGE_MS) % pages, pages };
}

/** A tenth of the shorter side: on a screen of 32 inches that is legible from eight metres. */
function leastSize(width, height) {
  return Math.max(40, Math.round(Math.min(width, height) / 10));
}

function fitting(size, width, height, longest) {
  const one = size * (longest * DIGIT + MARGIN);
  const columns = Math.max(1, Math.floor(width / one));
  const rows = Math.max(1, Math.floor(height / (size * LINE)));
  return { columns, size, each: columns * rows, isWide: one <= width };
}
