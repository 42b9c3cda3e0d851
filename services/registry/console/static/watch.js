// Asks the hub the same again and again, and knows how old the newest answer is. No page.
import { HubError } from './hub.js';
import { wait } from './wait.js';

/**
 * @typedef {{againMs: number, staleMs: number}} Pace againMs: between an answer and the next question;
 *   staleMs: an answer older than this is not shown as if it were so now
 */

/** @type {Pace} Of what must be true now. */
export const LIVE = { againMs: 2000, staleMs: 5000 };
/** @type {Pace} Of what waits for Postgres: that may take a while until it is known to be away. */
export const RECORDS = { againMs: 3000, staleMs: 20_000 };
/** @type {Pace} Of lists of many devices: they ask much of the hub. */
export const LISTS = { againMs: 5000, staleMs: 12_000 };
/** How long an answer that must be true now may take. */
export const PATIENT_MS = 4000;

/**
 * @typedef {{now: () => number, wait: (ms: number, signal: AbortSignal) => Promise<void>}} Outside
 */

export class Watch {
  /**
   * @param {() => Promise<void>} look asks; throws HubError
   * @param {Outside} outside
   * @param {() => void} onChange is called after each look
   * @param {Pace} [pace]
   */
  constructor(look, outside, onChange, pace = LIVE) {
    this.pace = pace;
    this.look = look;
    this.outside = outside;
    this.onChange = onChange;
    /** When the newest answer was asked for; null: there was none. @type {number | null} */
    this.heardAt = null;
    /** Why there was no answer last; null: there was one. @type {HubError | null} */
    this.error = null;
    this.isPaused = false;
    this.isStopped = false;
    this.isDue = false;
    this.pause = new AbortController();
  }

  /** Whether what is known is so now. */
  get isCurrent() {
    if (this.error !== null || this.heardAt === null) return false;
    return this.outside.now() - this.heardAt <= this.pace.staleMs;
  }

  /** Look until stopped. */
  async run() {
    while (!this.isStopped) {
      this.isDue = false;
      if (!this.isPaused) await this.#lookOnce();
      if (this.isStopped || this.isDue) continue;
      this.pause = new AbortController();
      await this.outside.wait(this.pace.againMs, this.pause.signal);
    }
  }

  /** Look at once, and once more if a look is under way: it may have begun too early. */
  lookNow() {
    this.isDue = true;
    this.pause.abort();
  }

  stop() {
    this.isStopped = true;
    this.pause.abort();
  }

  async #lookOnce() {
    const askedAt = this.outside.now();
    try {
      await this.look();
      this.heardAt = askedAt;
      this.error = null;
    } catch (error) {
      if (!(error instanceof HubError)) throw error;
      this.error = error;
    }
    if (!this.isStopped) this.onChange();
  }
}

/**
 * Return a watch of a page.
 * @param {{update: () => void, onSessionEnd: () => void}} app
 * @param {() => Promise<void>} look asks; throws HubError
 * @param {Pace} [pace]
 */
export function watchFor(app, look, pace) {
  const onChange = () => {
    if (watch.error?.status === 401) app.onSessionEnd();
    app.update();
  };
  const watch = new Watch(look, { now: Date.now, wait }, onChange, pace);
  return watch;
}

/**
 * Look while a page is shown and its tab is seen. Return what ends that.
 * @param {Watch[]} watches
 * @param {() => void} update is called each second, too: an answer grows old
 */
export function watchWhileSeen(watches, update) {
  const listening = new AbortController();
  const { signal } = listening;
  const lookNow = () => watches.forEach((watch) => watch.lookNow());
  const onVisible = () => {
    for (const watch of watches) watch.isPaused = document.hidden;
    if (!document.hidden) lookNow();
  };
  document.addEventListener('visibilitychange', onVisible, { signal });
  addEventListener('online', lookNow, { signal });
  for (const watch of watches) {
    watch.isPaused = document.hidden;
    void watch.run();
  }
  const ticking = setInterval(update, 1000);
  return () => {
    for (const watch of watches) watch.stop();
    listening.abort();
    clearInterval(ticking);
  };
}
