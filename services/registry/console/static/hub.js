// Asks the hub's REST API.

/** Where the API is, below whatever prefix. */
const ROOT = new URL('../', location.href.split('#')[0]);

/** Says that a page of the hub's own asks: without it, a session counts for nothing. */
const HEADERS = { 'X-Chargelight-Console': '1' };

const TIMEOUT_MS = 10_000;

/** The hub said no, or (status 0) nothing. */
export class HubError extends Error {
  /**
   * @param {number} status
   * @param {string} detail
   * @param {any} [problem] all that the hub said of it
   */
  constructor(status, detail, problem = null) {
    super(detail || `HTTP ${status}`);
    this.status = status;
    this.problem = problem;
    /** As `rental-is-open`; empty: the status says it all. */
    this.type = /^urn:chargelight:problem:(.+)$/.exec(problem?.type ?? '')?.[1] ?? '';
  }

  /** Whether what was asked for may have been done all the same: what got lost may be the answer. */
  get isUnsure() {
    return this.status === 0 || this.status >= 500;
  }
}

/**
 * Ask for something, and return the answer, whatever it is.
 * @param {string} path
 * @param {AbortSignal} signal
 */
export function get(path, signal) {
  return fetch(new URL(path, ROOT), { headers: HEADERS, signal, cache: 'no-store' });
}

/**
 * @typedef {{
 *   body?: unknown, file?: Blob, bearer?: string, ifMatch?: string, timeoutMs?: number,
 * }} Options body: sent as JSON; file: sent as it is, with its own type;
 *   ifMatch: only if it still is what had this entity tag; timeoutMs: how long an answer may take
 */

/**
 * Send a request, and return what comes back.
 * @param {string} method
 * @param {string} path
 * @param {Options} [options]
 */
export async function ask(method, path, options) {
  return (await askTagged(method, path, options)).content;
}

/**
 * The same, with the entity tag of what comes back.
 * @param {string} method
 * @param {string} path
 * @param {Options} [options]
 */
export async function askTagged(method, path, options = {}) {
  const { body, file, bearer, ifMatch, timeoutMs = TIMEOUT_MS } = options;
  const headers = new Headers(HEADERS);
  if (ifMatch) headers.set('If-Match', ifMatch);
  if (bearer) headers.set('Authorization', `Bearer ${bearer}`);
  if (body !== undefined) headers.set('Content-Type', 'application/json');
  let answer;
  try {
    answer = await fetch(new URL(path, ROOT), {
      method,
      headers,
      body: body === undefined ? file : JSON.stringify(body),
      cache: 'no-store',
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch {
    throw new HubError(0, '');
  }
  const content = await contentOf(answer);
  if (!answer.ok) throw new HubError(answer.status, content?.detail ?? '', content);
  return { content, etag: answer.headers.get('ETag') ?? '' };
}

/**
 * Return what an answer says; null: nothing.
 * @param {Response} answer
 */
async function contentOf(answer) {
  if (answer.status === 204) return null;
  try {
    return await answer.json();
  } catch {
    // What is good but cannot be read is no answer: its rest got lost, or it is not the hub's.
    if (answer.ok) throw new HubError(0, '');
    return null;
  }
}
