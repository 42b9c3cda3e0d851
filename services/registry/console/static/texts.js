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

function unit(name) {
  return new Intl.NumberFormat(language, { style: 'unit', unit: name, unitDisplay: 'short' });
}
