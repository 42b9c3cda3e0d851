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
   * @param {any} [problem] all that it said
   */
  constructor(status, detail, problem = null) {
    super(detail || `HTTP ${status}`);
    this.status = status;
    this.problem = problem;
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
 * Send a request, and return what comes back.
 * @param {string} method
 * @param {string} path
 * @param {{body?: unknown, file?: Blob, bearer?: string, timeoutMs?: number}} [options]
 *   body: sent as JSON; file: sent as it is, with its own type
 */
export async function ask(method, path, { body, file, bearer, timeoutMs = TIMEOUT_MS } = {}) {
  const headers = new Headers(HEADERS);
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
  const isJson = /json/.test(answer.headers.get('Content-Type') ?? '');
  const content = isJson ? await answer.json().catch(() => null) : null;
  if (!answer.ok) throw new HubError(answer.status, content?.detail ?? '', content);
  return content;
}
