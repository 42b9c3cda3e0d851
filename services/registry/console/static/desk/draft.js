// A hand-over that is being put together: a charger, a widget, and a ticket if there is one. No I/O.

/**
 * @typedef {import('./meaning.js').Choice} Choice
 * @typedef {{id: string, label: string, location: string, booth: string | null}} Part
 *
 * @typedef {{
 *   charger: Part & {partner: string | null} | null,
 *   widget: Part | null,
 *   ticket: string,
 *   at: number,
 * }} Draft at: when it was last changed
 */

/** What was left lying for longer is another visitor's. */
const OLD_MS = 15 * 60_000;

/** @returns {Draft} */
export function emptyDraft() {
  return { charger: null, widget: null, ticket: '', at: 0 };
}

/**
 * Take what was scanned or chosen, in the place of another one of its kind.
 * @param {Draft} draft
 * @param {Choice} choice
 * @returns {Draft}
 */
export function withChoice(draft, { kind, id, label, location, booth, partner }) {
  const part = { id, label, location, booth };
  if (kind === 'widget') return { ...draft, widget: part };
  return { ...draft, charger: { ...part, partner } };
}

/**
 * The widget that the visitor is given: the one that was scanned, or else the charger's own.
 * @param {Draft} draft
 * @returns {Part | null}
 */
export function widgetOf({ charger, widget }) {
  if (widget !== null) return widget;
  if (!charger?.partner) return null;
  return { id: charger.partner, label: '', location: '', booth: null };
}

/**
 * What to ask of the hub; null: something is missing.
 * @param {Draft} draft
 */
export function bodyOf(draft) {
  const widget = widgetOf(draft);
  if (draft.charger === null || widget === null) return null;
  const ticket = draft.ticket.trim();
  return { charger: draft.charger.id, widget: widget.id, ...(ticket ? { ticket } : {}) };
}

/**
 * Return what the browser remembers of one.
 * @param {string | null} text
 * @param {number} now
 * @returns {Draft}
 */
export function readDraft(text, now) {
  try {
    return unlessOld(JSON.parse(text ?? 'null'), now);
  } catch {
    return emptyDraft();
  }
}

/**
 * What is scanned next does not belong to one that was left lying on a screen.
 * @param {Draft | null} draft
 * @param {number} now
 * @returns {Draft}
 */
export function unlessOld(draft, now) {
  const age = draft === null ? -1 : now - draft.at;
  return draft !== null && age >= 0 && age < OLD_MS ? draft : emptyDraft();
}
