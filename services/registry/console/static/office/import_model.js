// What an import would do, in parts of sentences: names of texts, and what stands in them. No page.

/**
 * Of /openapi.json.
 * @typedef {{
 *   line: number, kind: 'charger' | 'widget', id: string,
 *   device: 'created' | 'updated' | 'unchanged', booth?: string | null, widget?: string | null,
 *   pairing?: 'paired' | 'unchanged' | null, former_widget?: string | null,
 *   former_charger?: string | null, secret?: 'set' | 'unchanged' | null, similar?: string | null,
 * }} Outcome
 * @typedef {{
 *   line: number, column: string | null, problem: string, code?: string,
 *   about?: {id?: string, widget?: string, other?: string, other_line?: number},
 * }} Refused
 * @typedef {{name: string, values: Record<string, string | number>}} Said
 */

/** By which rows can be chosen; the last: those that one should look at. */
export const KINDS = /** @type {const} */ (['all', 'created', 'updated', 'unchanged', 'careful']);

/**
 * @param {Outcome} outcome
 * @param {(typeof KINDS)[number]} kind
 */
export function concerns(outcome, kind) {
  if (kind === 'all') return true;
  if (kind === 'careful') {
    return Boolean(outcome.former_widget || outcome.former_charger || outcome.similar);
  }
  return outcome.device === kind;
}

const DEVICES = {
  created: 'import_row_created',
  updated: 'import_row_updated',
  unchanged: 'import_row_unchanged',
};

/**
 * @param {Outcome} outcome
 * @returns {Said[]}
 */
export function partsOf(outcome) {
  const { device, widget, pairing, secret, similar } = outcome;
  /** @type {Said[]} */
  const parts = [{ name: DEVICES[device], values: {} }];
  if (pairing === 'paired') parts.push({ name: 'import_row_paired', values: { widget: widget ?? '' } });
  const { former_widget: formerWidget, former_charger: formerCharger } = outcome;
  if (formerWidget) parts.push({ name: 'import_row_former_widget', values: { widget: formerWidget } });
  if (formerCharger) {
    parts.push({ name: 'import_row_former_charger', values: { charger: formerCharger } });
  }
  if (secret === 'set') parts.push({ name: 'import_row_secret', values: {} });
  if (similar) parts.push({ name: 'import_row_similar', values: { similar } });
  return parts;
}

/** By the hub's codes. */
const REASONS = {
  again: 'import_why_again',
  wanted: 'import_why_wanted',
  unknown: 'import_why_unknown',
  'no-charger': 'import_why_no_charger',
  canary: 'import_why_canary',
  'charger-is-paired': 'import_why_charger_paired',
  'widget-is-paired': 'import_why_widget_paired',
  'visitor-has-it': 'import_why_visitor',
  'no-booth': 'import_why_no_booth',
  kind: 'import_why_kind',
  'no-id': 'import_why_no_id',
  'no-such-id': 'import_why_not_an_id',
  words: 'import_why_words',
  'not-a-charger': 'import_why_not_a_charger',
  secret: 'import_why_secret',
};

/**
 * Return why a row is refused; null: only the hub's own words say it.
 * @param {Refused} refused
 * @returns {Said | null}
 */
export function reasonOf({ code, about }) {
  if (!code || !Object.hasOwn(REASONS, code)) return null;
  const { id = '', widget = '', other = '', other_line: line = '' } = about ?? {};
  return { name: REASONS[code], values: { id, widget, other, line } };
}

/**
 * Return as what a file is sent.
 * @param {string} name
 * @param {boolean} isWindows whether it was written by a program of Windows that knows no UTF-8
 */
export function typeOf(name, isWindows) {
  const type = /\.(jsonl|ndjson)$/i.test(name) ? 'application/x-ndjson' : 'text/csv';
  return isWindows ? `${type}; charset=windows-1252` : type;
}
