// Keeps a wall in contact with the hub: a snapshot, then the stream, again and again. No page; what
// it works with is given to it, so that tests can have time pass.
import { eventReader } from './events.js';

/** The hub says something each second. After so long without a word, nothing looks current. */
export const SILENT_MS = 2500;
/** How long one question may take, by which we learn whether the hub is within reach again. */
const PROBE_MS = 1200;
const PROBE_PAUSE_MS = 300;
/** How long an answer to a real question may take; of a long one, each piece. */
const PATIENT_MS = 6000;
/** Between attempts at a hub that is within reach, and cannot answer: twice as long each time. */
const FIRST_PAUSE_MS = 250;
const MOST_PAUSE_MS = 8000;
const LOOK_MS = 500;

/** The hub has refused us, and will again. */
export class RefusedError extends Error {
  /** @param {number} status */
  constructor(status) {
    super(`HTTP ${status}`);
    this.status = status;
  }
}

/** The hub has answered, but not with what was asked for. */
class TroubleError extends Error {}

/**
 * @typedef {{
 *   get: (path: string, signal: AbortSignal) => Promise<Response>,
 *   now: () => number,
 *   wait: (ms: number, signal?: AbortSignal) => Promise<void>,
 *   random: () => number,
 * }} Outside
 */

export class Contact {
  /**
   * @param {import('./tiles.js').Tiles} tiles takes what is heard
   * @param {string | null} booth which one to watch; empty: what is in none; null: all
   * @param {Outside} outside
   * @param {() => void} onChange is called when something is heard, or contact is lost
   */
  constructor(tiles, booth, outside, onChange) {
    this.tiles = tiles;
    this.booth = booth;
    this.outside = outside;
    this.onChange = onChange;
    /** When the hub was last heard; null: not yet. @type {number | null} */
    this.heardAt = null;
    /** How far its clock is ahead of ours, in ms. */
    this.ahead = 0;
    /** The status it refused us with: we ask no more. @type {number | null} */
    this.refused = null;
    this.startedAt = outside.now();
    this.isCutOff = false;
    /** Whether it answers, but cannot say what there is. */
    this.isTroubled = false;
    this.isStreaming = false;
    this.isPaused = false;
    this.isStopped = false;
    this.wake = () => {};
    this.cycle = new AbortController();
  }

  /** 'live', 'connecting', or 'lost'. */
  get state() {
    const now = this.outside.now();
    const isHeard = this.heardAt !== null && now - this.heardAt <= SILENT_MS;
    if (isHeard && !this.isCutOff) return 'live';
    return now - this.startedAt <= SILENT_MS && !this.isCutOff ? 'connecting' : 'lost';
  }

  /** Stay in contact until stopped, or refused. */
  async run() {
    void this.#watchSilence();
    let failures = 0;
    let isAway = false;
    while (!this.isStopped) {
      if (this.isPaused) {
        await new Promise((resolve) => (this.wake = () => resolve(undefined)));
        continue;
      }
      this.cycle = new AbortController();
      try {
        if (isAway) await this.#probe();
        isAway = false;
        await this.#watch(() => (failures = 0));
      } catch (error) {
        if (error instanceof RefusedError) {
          this.refused = error.status;
          this.isStopped = true;
          break;
        }
        this.isTroubled = error instanceof TroubleError;
        isAway = !this.isTroubled && !this.isPaused;
      }
      if (this.isStopped || this.isPaused) continue;
      failures += 1;
      await this.#pause(isAway ? PROBE_PAUSE_MS : pauseAfter(failures, this.outside.random()));
    }
    this.onChange();
  }

  stop() {
    this.isStopped = true;
    this.cycle.abort();
    this.wake();
  }

  /** Close the stream: nobody looks. */
  pause() {
    this.isPaused = true;
    this.cycle.abort();
  }

  resume() {
    this.isPaused = false;
    this.startedAt = this.outside.now();
    this.wake();
  }

  /** The browser says that there is no network. */
  cutOff() {
    this.isCutOff = true;
    this.cycle.abort();
    this.onChange();
  }

  /** It says that there is one again: do not wait for the next attempt. */
  tryNow() {
    if (this.state !== 'live') this.cycle.abort();
  }

  async #pause(ms) {
    // A pause can be cut short, so it is an attempt of its own.
    this.cycle = new AbortController();
    await this.outside.wait(ms, this.cycle.signal);
  }

  async #probe() {
    await this.#asking('console/hub.json', PROBE_MS);
  }

  async #watch(onHeard) {
    const query = this.booth === null ? [] : [['booth', this.booth]];
    if (this.tiles.position === null) {
      const answer = await this.#asking(address('live/snapshot', query), PATIENT_MS);
      this.tiles.onSnapshot(JSON.parse(await this.#textOf(answer)));
      this.#onHeard();
    }
    query.push(['position', String(this.tiles.position)]);
    const answer = await this.#asking(address('live', query), PATIENT_MS);
    const read = eventReader(({ name, data, id }) => {
      this.tiles.onEvent(name, JSON.parse(data), id);
    });
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    this.isStreaming = true;
    this.#onHeard();
    try {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        read(value);
        this.#onHeard();
        onHeard();
      }
    } finally {
      this.isStreaming = false;
    }
  }

  #onHeard() {
    this.heardAt = this.outside.now();
    this.isCutOff = false;
    this.isTroubled = false;
    this.onChange();
  }

  async #asking(path, ms) {
    const answer = await this.#inTime(this.outside.get(path, this.cycle.signal), ms);
    const date = Date.parse(answer.headers.get('Date') ?? '');
    if (date) this.ahead = date - this.outside.now();
    if (answer.ok) return answer;
    const { status } = answer;
    if (status >= 500 || status === 429) throw new TroubleError(`HTTP ${status}`);
    throw new RefusedError(status);
  }

  /** Read an answer to its end, however long it takes, while something of it comes. */
  async #textOf(answer) {
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    for (;;) {
      const { value, done } = await this.#inTime(reader.read(), PATIENT_MS);
      if (done) return text;
      text += value;
    }
  }

  async #inTime(answer, ms) {
    const { cycle } = this;
    const over = new AbortController();
    void this.outside.wait(ms, over.signal).then(() => {
      if (!over.signal.aborted) cycle.abort();
    });
    try {
      return await answer;
    } finally {
      over.abort();
    }
  }

  /** End a stream that says nothing any more: its connection may be half open. */
  async #watchSilence() {
    while (!this.isStopped) {
      await this.outside.wait(LOOK_MS);
      if (this.isStopped) return;
      const silent = this.outside.now() - (this.heardAt ?? 0);
      if (this.isStreaming && silent > SILENT_MS) this.cycle.abort();
      this.onChange();
    }
  }
}

/**
 * @param {number} failures in a row
 * @param {number} random from 0 to 1
 */
export function pauseAfter(failures, random) {
  const most = Math.min(MOST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1));
  return most * (0.5 + random / 2);
}

function address(path, query) {
  return query.length ? `${path}?${new URLSearchParams(query)}` : path;
}
