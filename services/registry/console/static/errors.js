// Says why the hub did not do, or tell, what it was asked for.
import { HubError } from './hub.js';
import { t } from './texts.js';

/** Names of texts by status; 500: also of those above. */
const TEXTS = { 0: 'hub_silent', 403: 'not_allowed', 500: 'hub_cannot_tell' };

/**
 * @param {unknown} error what is no answer of the hub's is a mistake of ours, and is thrown on
 * @param {Record<number, string>} [own] texts of a screen, in the place of those above
 */
export function saidOf(error, own = {}) {
  if (!(error instanceof HubError)) throw error;
  const name = { ...TEXTS, ...own }[Math.min(error.status, 500)];
  return t(name ?? 'hub_refused', { detail: error.message });
}

/**
 * Say why what is shown is not as it is now.
 * @param {HubError | null} error null: there was none, the first answer is on its way
 */
export function lossOf(error) {
  if (error === null) return t('connecting');
  return error.status === 0 ? t('no_contact') : t('hub_cannot_tell');
}
