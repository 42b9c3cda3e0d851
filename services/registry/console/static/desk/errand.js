// A change at the hub that is asked for until there is an answer, each time with the same id: it
// has its effect once, however often the network or this page goes away meanwhile. What is under way
// is remembered by the browser before it is sent.
import { ask, HubError } from '../hub.js';
import { forgetUnfinished, recall, remember } from '../memory.js';
import { wait } from '../wait.js';

const AGAIN_MS = 1500;
/** Short: what it asks for may be asked for again at once. */
const TIMEOUT_MS = 5000;
/** What is older than this is not sent by itself: who knows what was done instead. */
const OLD_MS = 10 * 60_000;

/**
 * @template About what the page shows of it; it is kept as JSON
 * @typedef {{path: string, body: object, about: About, at: number}} Change at: when it was begun
 */

/**
 * @typedef {{
 *   ask: (method: string, path: string, options: {body: object, timeoutMs: number}) => Promise<any>,
 *   now: () => number,
 *   wait: (ms: number) => Promise<void>,
 * }} Outside
 */

/** All that there are: pages come and go. @type {Errand<any>[]} */
const errands = [];

/** Send nothing more; what is remembered goes on when the same person has signed in again. */
export function haltErrands() {
  for (const errand of errands) errand.halt();
}

/**
 * Have a person go on with what is that person's own: what another one began is forgotten.
 * @param {import('../session.js').Oneself} me
 */
export function takeUpErrands({ key_id, name }) {
  const whose = key_id ?? name;
  if (recall('whose') !== whose) dropErrands();
  remember('whose', whose);
}

/** Forget all that is unfinished. */
export function dropErrands() {
  for (const errand of errands) errand.drop();
  forgetUnfinished();
}

/** @template About */
export class Errand {
  /**
   * @param {import('../memory.js').Unfinished} name under which the browser remembers it
   * @param {Outside} [outside]
   */
  constructor(name, outside = { ask, now: Date.now, wait }) {
    this.name = name;
    this.outside = outside;
    /** What is under way. @type {Change<About> | null} */
    this.change = null;
    /** Why the last attempt got no answer; null: none has failed. @type {HubError | null} */
    this.failure = null;
    /**
     * What came of the last one.
     * @type {{change: Change<About>, answer: any, error: HubError | null} | null}
     */
    this.outcome = null;
    this.isRunning = false;
    this.onNews = () => {};
    this.onSessionEnd = () => {};
    errands.push(this);
  }

  /** Whether it waits for a person to say that it is still meant. */
  get isOld() {
    return this.change !== null && !this.isRunning;
  }

  /**
   * Begin a change, unless another one is under way.
   * @param {{path: string, body: object, about: About}} wanted
   */
  begin(wanted) {
    if (this.change !== null) return;
    this.change = { ...wanted, at: this.outside.now() };
    remember(this.name, JSON.stringify(this.change));
    this.outcome = null;
    void this.run();
  }

  /** Go on with what this browser remembers, if it is not old. */
  resume() {
    if (this.isRunning) return;
    this.change = readChange(recall(this.name));
    if (this.change === null) return;
    const age = this.outside.now() - this.change.at;
    if (age >= 0 && age < OLD_MS) void this.run();
  }

  /** Ask until there is an answer. */
  async run() {
    const { change } = this;
    if (change === null || this.isRunning) return;
    this.isRunning = true;
    this.failure = null;
    this.onNews();
    while (this.change === change) {
      const isOver = await this.#attempt(change);
      this.onNews();
      if (isOver) break;
      await this.outside.wait(AGAIN_MS);
    }
  }

  /** @param {Change<About>} change */
  async #attempt(change) {
    const { path, body } = change;
    try {
      const answer = await this.outside.ask('PUT', path, { body, timeoutMs: TIMEOUT_MS });
      this.#end(change, answer, null);
    } catch (error) {
      if (!(error instanceof HubError)) throw error;
      if (this.change !== change) return true;
      if (error.status === 401) {
        this.halt();
        this.onSessionEnd();
        return true;
      }
      if (error.isUnsure) {
        this.failure = error;
        return false;
      }
      this.#end(change, null, error);
    }
    return true;
  }

  #end(change, answer, error) {
    if (this.change !== change) return;
    this.#forget();
    this.outcome = { change, answer, error };
  }

  /** Ask no more. Whether it has its effect is not known then. */
  drop() {
    this.#forget();
    this.outcome = null;
    this.onNews();
  }

  /** Ask no more until it is taken up again. */
  halt() {
    this.change = null;
    this.isRunning = false;
    this.failure = null;
  }

  #forget() {
    this.halt();
    remember(this.name, null);
  }

  takeOutcome() {
    const { outcome } = this;
    this.outcome = null;
    return outcome;
  }
}

/** @param {string | null} text */
function readChange(text) {
  try {
    return text === null ? null : JSON.parse(text);
  } catch {
    return null;
  }
}

/** A random id (RFC 9562); `crypto.randomUUID` is there with TLS only. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
