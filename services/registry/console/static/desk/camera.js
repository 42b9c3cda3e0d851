// Reads codes with the camera while it is on, and says why it cannot.
import { wait } from '../wait.js';
import { codesIn, load } from './codes.js';

const LOOK_MS = 150;
/** A code that stays in sight is read once. */
const SAME_MS = 3000;

/** @typedef {'needs_tls' | 'refused' | 'missing' | 'broken' | 'not_loaded'} Hindrance */

/** Whether this browser lets a page use cameras: without TLS none does. */
export function isPossible() {
  return Boolean(navigator.mediaDevices?.getUserMedia);
}

export class Camera {
  /**
   * @param {(text: string) => void} onCode
   * @param {() => void} onChange
   */
  constructor(onCode, onChange) {
    this.onCode = onCode;
    this.onChange = onChange;
    /** What it sees; null: it is off. @type {MediaStream | null} */
    this.stream = null;
    /** Why it cannot; null: it can, as far as is known. @type {Hindrance | null} */
    this.hindrance = isPossible() ? null : 'needs_tls';
    this.isWanted = false;
    /** When each code was last in sight. @type {Map<string, number>} */
    this.seen = new Map();
    this.onHidden = () => {
      if (document.hidden) this.stop();
    };
  }

  async start() {
    if (!isPossible() || this.isWanted) return;
    this.isWanted = true;
    this.hindrance = null;
    let stream = null;
    try {
      const video = { facingMode: 'environment', width: { ideal: 1280 } };
      stream = await navigator.mediaDevices.getUserMedia({ video });
      await load();
    } catch (error) {
      this.hindrance = hindranceOf(error, stream);
    }
    if (this.hindrance !== null || !this.isWanted || stream === null) {
      end(stream);
      this.isWanted = false;
      this.onChange();
      return;
    }
    this.stream = stream;
    document.addEventListener('visibilitychange', this.onHidden);
    this.onChange();
    void this.#read(stream);
  }

  stop() {
    document.removeEventListener('visibilitychange', this.onHidden);
    end(this.stream);
    this.isWanted = false;
    this.stream = null;
    this.onChange();
  }

  /** @param {MediaStream} stream */
  async #read(stream) {
    while (this.stream === stream) {
      const video = document.querySelector('video');
      if (video !== null && video.readyState >= video.HAVE_CURRENT_DATA && video.videoWidth) {
        const size = { width: video.videoWidth, height: video.videoHeight };
        for (const text of await this.#codesIn(video, size, stream)) this.#see(text);
      }
      await wait(LOOK_MS);
    }
  }

  /** What cannot be read ends it: a camera that is on reads. */
  async #codesIn(video, size, stream) {
    try {
      return await codesIn(video, size);
    } catch {
      if (this.stream === stream) {
        this.hindrance = 'not_loaded';
        this.stop();
      }
      return [];
    }
  }

  #see(text) {
    const now = performance.now();
    const before = this.seen.get(text);
    this.seen.set(text, now);
    if (this.stream === null || (before !== undefined && now - before < SAME_MS)) return;
    navigator.vibrate?.(60);
    this.onCode(text);
  }
}

/** @param {MediaStream | null} stream */
function end(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/**
 * @param {unknown} error
 * @param {MediaStream | null} stream
 * @returns {Hindrance}
 */
function hindranceOf(error, stream) {
  if (stream !== null) return 'not_loaded'; // the camera is there, the reader is not
  const name = error instanceof DOMException ? error.name : '';
  if (name === 'NotAllowedError' || name === 'SecurityError') return 'refused';
  return name === 'NotFoundError' || name === 'OverconstrainedError' ? 'missing' : 'broken';
}
