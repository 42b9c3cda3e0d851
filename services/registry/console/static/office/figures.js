// How the office writes counts, sizes, dates and how long ago something was.
import { currentLanguage } from '../texts.js';

/** @type {Map<string, any>} */
const made = new Map();

/** Making these takes longer than using them. */
function format(name, make) {
  const key = `${currentLanguage()} ${name}`;
  if (!made.has(key)) made.set(key, make(currentLanguage()));
  return made.get(key);
}

/** @param {number} value */
export function count(value) {
  return format('count', (language) => new Intl.NumberFormat(language)).format(value);
}

const SIZES = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'];

/** @param {number} bytes */
export function size(bytes) {
  const step = Math.min(SIZES.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return unit(bytes / 1000 ** step, SIZES[step]);
}

const SPANS = /** @type {const} */ ([
  [86_400, 'day'],
  [3600, 'hour'],
  [60, 'minute'],
]);

/** How long something lasts. @param {number} seconds */
export function span(seconds) {
  const [length, name] = SPANS.find(([each]) => seconds >= 2 * each) ?? [1, 'second'];
  return unit(Math.floor(seconds / length), name);
}

/** How long ago something was, to the minute. @param {number} seconds */
export function ago(seconds) {
  const [length, name] = SPANS.find(([each]) => seconds >= each) ?? [60, 'minute'];
  const make = (language) => new Intl.RelativeTimeFormat(language, { numeric: 'auto' });
  return format('ago', make).format(-Math.floor(seconds / length), name);
}

/** @param {string} when */
export function day(when) {
  const make = (language) => new Intl.DateTimeFormat(language, { dateStyle: 'medium' });
  return format('day', make).format(new Date(when));
}

function unit(value, name) {
  /** @type {Intl.NumberFormatOptions} */
  const style = { style: 'unit', unit: name, unitDisplay: 'short', maximumSignificantDigits: 3 };
  return format(name, (language) => new Intl.NumberFormat(language, style)).format(value);
}
