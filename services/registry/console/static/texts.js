// What the console says, in the reader's language, and how it writes numbers and times.
import { recall, remember } from './memory.js';

/** Each has a file below texts/, with the same texts. */
export const LANGUAGES = { en: 'English', de: 'Deutsch', es: 'Español', fr: 'Français' };

/** @type {Record<string, string>} */
let texts = {};
let language = 'en';
/** @type {Intl.NumberFormat} */
let percents;
/** @type {Intl.NumberFormat} */
let minutes;
/** @type {Intl.NumberFormat} */
let hours;
/** @type {Intl.DateTimeFormat} */
let times;
/** @type {Intl.DateTimeFormat} */
let days;

export function currentLanguage() {
  return language;
}

/** Load the language that was chosen here, or the first of the browser's that there is. */
export async function loadTexts() {
  const wanted = [recall('language'), ...navigator.languages].map((tag) => tag?.split('-')[0]);
  language = wanted.find((tag) => tag && tag in LANGUAGES) ?? 'en';
  const answer = await fetch(new URL(`texts/${language}.json`, import.meta.url));
  texts = await answer.json();
  percents = new Intl.NumberFormat(language, { style: 'percent' });
  minutes = unit('minute');
  hours = unit('hour');
  times = new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit', hour12: false });
  days = new Intl.DateTimeFormat(language, { day: 'numeric', month: 'short' });
  document.documentElement.lang = language;
}

/** @param {string} tag */
export async function chooseLanguage(tag) {
  remember('language', tag);
  await loadTexts();
}

/**
 * Return a text.
 * @param {string} name
 * @param {Record<string, string | number>} [values] for what stands in braces
 */
export function t(name, values = {}) {
  const text = texts[name];
  if (text === undefined) throw new Error(`there is no text ${name}`);
  return text.replace(/\{(\w+)\}/g, (_, key) => String(values[key]));
}

/**
 * Tell whether there is a text, and a value for each of its gaps.
 * @param {string} name
 * @param {Record<string, unknown>} values
 */
export function hasText(name, values) {
  const gaps = texts[name]?.matchAll(/\{(\w+)\}/g);
  return gaps !== undefined && [...gaps].every(([, gap]) => gap in values);
}

/** Down: a phone at 99.7 % is not full. @param {number} level */
export function percent(level) {
  return percents.format(Math.floor(level) / 100);
}

/** @param {number} count */
export function inMinutes(count) {
  return count < 120 ? minutes.format(count) : hours.format(Math.floor(count / 60));
}

/**
 * @param {number} from
 * @param {number} to
 */
export function minuteRange(from, to) {
  return from === to ? minutes.format(to) : minutes.formatRange(from, to);
}

/** @param {number | string} when */
export function clockTime(when) {
  return times.format(new Date(when));
}

/**
 * With the day, unless it is today.
 * @param {number | string} when
 */
export function moment(when) {
  const day = days.format(new Date(when));
  return day === days.format(new Date()) ? clockTime(when) : `${day}, ${clockTime(when)}`;
}

function unit(name) {
  return new Intl.NumberFormat(language, { style: 'unit', unit: name, unitDisplay: 'short' });
}
