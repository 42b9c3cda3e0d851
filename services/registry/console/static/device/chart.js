// The chart of a rental: how full the phone was, and its lights. No I/O, no page, no clock.

/**
 * `RentalHistory` of /openapi.json.
 * @typedef {{at: string, level: number}} LevelAt
 * @typedef {{at: string, light: string}} LightAt
 * @typedef {{earliest_minutes: number, latest_minutes: number}} Minutes
 * @typedef {{
 *   levels: LevelAt[], lights: LightAt[],
 *   estimate: {to_80: Minutes | null, to_100: Minutes | null, unknown: string | null} | null,
 * }} History
 */

/** Of the drawing, in its own units: the levels, and below them a strip with the lights. */
export const DRAWING = { width: 320, levels: 120, gap: 6, strip: 12 };

const LEAST_MS = 60_000;
/** A light is as high as it is far: so they differ without a colour. */
const HEIGHTS = { charging: 4, charging80: 8, charged: 12 };

/**
 * @param {History} history
 * @param {number} from when the rental began
 * @param {number} to when it ended, or now
 */
export function chartOf({ levels, lights }, from, to) {
  const span = Math.max(LEAST_MS, to - from);
  const x = (/** @type {number} */ at) => round((inside(at - from, span) / span) * DRAWING.width);
  const points = levels.map(({ at, level }) => `${x(Date.parse(at))} ${yOf(level)}`);
  const last = levels.at(-1);
  return {
    line: points.length ? `M${points.join('L')}` : '',
    // Nothing new was heard since: as far as is known, it stayed so.
    since: last ? `M${points.at(-1)}H${x(to)}` : '',
    strip: stripOf(lights, to, x),
  };
}

/** @param {number} level */
export function yOf(level) {
  return round(DRAWING.levels * (1 - level / 100));
}

/** Return what to draw for each light. */
function stripOf(lights, to, x) {
  const bottom = DRAWING.levels + DRAWING.gap + DRAWING.strip;
  const strip = { charging: '', charging80: '', charged: '' };
  lights.forEach(({ at, light }, index) => {
    const height = HEIGHTS[light];
    if (height === undefined) return;
    const next = lights[index + 1];
    const end = x(next ? Date.parse(next.at) : to);
    strip[light] += `M${x(Date.parse(at))} ${bottom}v${-height}H${end}v${height}z`;
  });
  return strip;
}

function inside(ms, span) {
  return Math.min(span, Math.max(0, ms));
}

function round(number) {
  return Math.round(number * 10) / 10;
}
