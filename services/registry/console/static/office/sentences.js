// An entry of the audit log as a sentence: the name of a text, and what stands in it. No page.

/**
 * Of /openapi.json.
 * @typedef {{
 *   id: number, at: string, who: string,
 *   action: 'created' | 'changed' | 'removed' | 'imported' | 'refused' | 'exported',
 *   kind: string, subject: string, details: Record<string, any>,
 *   rental: {charger: string, ticket: string | null} | null,
 *   import_id: string | null, booth: string | null, key_id: string | null, address: string | null,
 * }} Entry
 * @typedef {{name: string, values: Record<string, string | number>}} Said
 */

/** By kind and action; those that depend on what is in them are below. */
const SIMPLE = {
  'charger created': 'audit_did_registered',
  'widget created': 'audit_did_registered',
  'charger removed': 'audit_did_unregistered',
  'widget removed': 'audit_did_unregistered',
  'pairing created': 'audit_did_paired',
  'pairing removed': 'audit_did_separated',
  'rental removed': 'audit_did_rental_removed',
  'booth created': 'audit_did_booth_made',
  'booth removed': 'audit_did_booth_removed',
  'api-key created': 'audit_did_key_made',
  'sign-in-code created': 'audit_did_code_made',
  'charger-secret created': 'audit_did_secret_set',
  'widget-secret created': 'audit_did_secret_set',
  'charger-secret changed': 'audit_did_secret_ends',
  'widget-secret changed': 'audit_did_secret_ends',
  'charger-secret removed': 'audit_did_secret_removed',
  'widget-secret removed': 'audit_did_secret_removed',
  'import imported': 'audit_did_imported',
  'login refused': 'audit_did_login_refused',
  'role refused': 'audit_did_role_refused',
  'export exported': 'audit_did_exported',
  'retention removed': 'audit_did_pruned',
  'erasure removed': 'audit_did_erased',
  'repair created': 'audit_did_repaired',
  'database changed': 'audit_did_restored',
};

/**
 * @param {Entry} entry
 * @returns {Said}
 */
export function sentenceOf(entry) {
  const { who, subject, kind, action, details } = entry;
  const values = { who, subject, kind, action, ...numbersIn(details), ...namesIn(entry) };
  const what = `${kind} ${action}`;
  if (kind === 'rental' && action !== 'removed') return { name: ofRental(entry), values };
  if (what === 'pairing changed') return { name: 'audit_did_paired', values };
  if (what === 'booth changed') return { name: 'audit_did_booth_renamed', values };
  if (what === 'api-key changed') return { name: ofKey(details), values };
  if (what === 'charger changed' || what === 'widget changed') {
    return { name: 'audit_did_changed', values };
  }
  return { name: SIMPLE[what] ?? 'audit_did_other', values };
}

/** @param {Entry} entry */
function ofRental({ action, details, rental }) {
  if (action === 'created' && rental) {
    return rental.ticket === null ? 'audit_did_handed' : 'audit_did_handed_ticket';
  }
  if (action === 'changed' && rental) {
    const isBack = 'widget_returned_at' in details;
    if ('collected_at' in details) return isBack ? 'audit_did_collected_all' : 'audit_did_collected';
    if (isBack) return 'audit_did_returned';
  }
  return 'audit_did_rental_changed';
}

function ofKey(details) {
  if ('revoked_at' in details) return 'audit_did_key_revoked';
  if ('replaced_at' in details) return 'audit_did_key_renewed';
  return 'audit_did_key_changed';
}

function numbersIn({ count = 1, created = 0, updated = 0, paired = 0 }) {
  return { count, created, updated, paired };
}

/** @param {Entry} entry */
function namesIn({ details, rental, subject }) {
  return {
    widget: latest(details.widget_id) ?? '–',
    charger: rental?.charger ?? subject,
    ticket: rental?.ticket ?? '–',
    name: latest(details.name) ?? subject,
    role: details.opens_rentals ? 'attendant' : (latest(details.role) ?? ''),
  };
}

/** What something is now: a change has both. */
function latest(value) {
  return Array.isArray(value) ? value[1] : value;
}

/** Columns that people write, in this order; others say nothing to them. */
const SHOWN = ['label', 'location', 'booth', 'name', 'ticket', 'widget_id', 'role', 'auth', 'canary'];

/**
 * Return what a change changed that its sentence does not say: the column, before, after.
 * @param {Entry} entry
 * @returns {[string, string, string][]}
 */
export function changesIn({ action, details }) {
  if (action !== 'changed') return [];
  return SHOWN.filter((name) => Array.isArray(details[name])).map((name) => {
    const [before, after] = details[name];
    return [name, text(before), text(after)];
  });
}

function text(value) {
  return value === null || value === '' ? '–' : String(value);
}
