// What the console says, in the reader's language, and how it writes numbers and times.
import { recall, remember } from './memory.js';

/** Each has a file below texts/, with the same texts. */
export const LANGUAGES = { en: 'English', de: 'Deutsch', es: 'Español', fr: 'Français' };

const TIMEOUT_MS = 10_000;

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
/** @type {Intl.DateTimeFormat} */
let daysOfYears;

export function currentLanguage() {
  return language;
}

/**
 * Load the texts of a language. Until they are there, all stays as it was.
 * @param {string} [tag]
 */
export async function loadTexts(tag = wantedLanguage()) {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const answer = await fetch(new URL(`texts/${tag}.json`, import.meta.url), { signal });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  texts = await answer.json();
  language = tag;
  percents = new Intl.NumberFormat(language, { style: 'percent' });
  minutes = unit('minute');
  hours = unit('hour');
  times = new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit', hour12: false });
  days = new Intl.DateTimeFormat(language, { day: 'numeric', month: 'short' });
  daysOfYears = new Intl.DateTimeFormat(language, { day: 'numeric', month: 'short', year: 'numeric' });
  document.documentElement.lang = language;
}

/** The one that was chosen here, or the first of the browser's that there is. */
function wantedLanguage() {
  const wanted = [recall('language'), ...navigator.languages].map((tag) => tag?.split('-')[0]);
  return wanted.find((tag) => tag && Object.hasOwn(LANGUAGES, tag)) ?? 'en';
}

/** @param {string} tag */
export async function chooseLanguage(tag) {
  await loadTexts(tag);
  remember('language', tag);
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
  const [at, now] = [new Date(when), new Date()];
  if (at.toDateString() === now.toDateString()) return clockTime(when);
  const day = (at.getFullYear() === now.getFullYear() ? days : daysOfYears).format(at);
  return `${day}, ${clockTime(when)}`;
}

function unit(name) {
  return new Intl.NumberFormat(language, { style: 'unit', unit: name, unitDisplay: 'short' });
}
