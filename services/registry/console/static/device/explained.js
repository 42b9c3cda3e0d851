// Says in the reader's language why a light is as it is. The hub says it by codes and values; the
// texts of all codes are those that begin with `explain_` in texts/. What has no text there, from
// a hub that is newer, is said in the hub's English.
import { hasText, moment, percent, t } from '../texts.js';

/**
 * `Explanation` of /openapi.json.
 * @typedef {Record<string, string | number | null>} Values
 * @typedef {{mark: string, about: string, text: string, code: string, values: Values}} Finding
 * @typedef {{
 *   title: string, findings: Finding[], verdict: string, remedy: string | null, code: string,
 *   values: Values,
 * }} Explanation
 */

const TIMES = ['since', 'at', 'last_at', 'last_seen'];
const KINDS = ['kind', 'other_kind', 'port'];
const COLOURS = ['colour', 'wanted_colour'];

/** @param {Explanation} explanation */
export function verdictOf({ code, values, verdict }) {
  const said = inWords(values);
  return hasText(`explain_verdict_${code}`, said) ? t(`explain_verdict_${code}`, said) : verdict;
}

/**
 * Return what to do; null: nothing.
 * @param {Explanation} explanation
 */
export function remedyOf({ code, values, remedy }) {
  const said = inWords(values);
  if (remedy === null || !hasText(`explain_remedy_${code}`, said)) return remedy;
  // An id that differs only in capitals.
  const first = values.similar ? `${t('explain_similar', said)} ` : '';
  return first + t(`explain_remedy_${code}`, said);
}

/** @param {Finding} finding */
export function findingOf({ code, values, text }) {
  const said = inWords(values);
  return hasText(`explain_found_${code}`, said) ? t(`explain_found_${code}`, said) : text;
}

/** @param {Finding} finding */
export function aboutOf({ about }) {
  const name = about.replaceAll(' ', '_');
  return hasText(`explain_about_${name}`, {}) ? t(`explain_about_${name}`) : about;
}

/**
 * @param {Values} values
 * @returns {Record<string, string | number>}
 */
function inWords(values) {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, valueInWords(name, value)]),
  );
}

function valueInWords(name, value) {
  if (value === null) return t('not_known');
  if (TIMES.includes(name)) return moment(value);
  if (name === 'level') return percent(value);
  if (KINDS.includes(name) && hasText(`explain_kind_${value}`, {})) return t(`explain_kind_${value}`);
  if (COLOURS.includes(name) && hasText(`explain_colour_${value}`, {})) {
    return t(`explain_colour_${value}`);
  }
  return value;
}
