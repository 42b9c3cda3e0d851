// Who uses the console: by a session, or anyone, where the hub asks for no key.
import { dropErrands } from './desk/errand.js';
import { ask, HubError } from './hub.js';
import { recall, remember } from './memory.js';

/** Each may do what those before it may. */
const ROLES = /** @type {const} */ (['viewer', 'attendant', 'operator', 'admin']);

/** @typedef {(typeof ROLES)[number]} Role */
/** @typedef {{name: string, role: Role, booth: string | null, key_id: string | null}} Oneself */

/**
 * Say whether a role may do what another one may.
 * @param {Role} role
 * @param {Role} least
 */
export function mayAs(role, least) {
  return ROLES.indexOf(role) >= ROLES.indexOf(least);
}

/**
 * Return who uses the console; null: sign in first.
 *
 * The cookie cannot be read here. Without a sign that there is one, the hub is not asked: it would
 * note a refusal at each visit of the page.
 * @returns {Promise<Oneself | null>}
 */
export async function whoIsHere() {
  const { auth } = await ask('GET', 'console/hub.json');
  const until = Number(recall('session-until'));
  if (auth !== 'off' && !(until > Date.now())) return null;
  try {
    return await ask('GET', 'whoami');
  } catch (error) {
    if (!(error instanceof HubError) || error.status !== 401) throw error;
    forgetSession();
    return null;
  }
}

/**
 * Begin a session with an API key or a code.
 * @param {string} bearer
 * @returns {Promise<Oneself>}
 */
export async function signIn(bearer) {
  const session = await ask('POST', 'session', { bearer });
  remember('session-until', String(Date.parse(session.expires_at)));
  return session;
}

export async function signOut() {
  await ask('DELETE', 'session');
  forgetSession();
  dropErrands();
}

export function forgetSession() {
  remember('session-until', null);
}
