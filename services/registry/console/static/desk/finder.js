// One field for all that is scanned or typed: a hand scanner types fast and ends with Enter; a
// person sees what fits while typing. The camera and photos lead to the same.
import { html, nothing } from '../vendor/lit-html/lit-html.js';
import { ask, HubError } from '../hub.js';
import { recall, remember } from '../memory.js';
import { t } from '../texts.js';
import { wait } from '../wait.js';
import { Camera } from './camera.js';
import { codesInPhoto } from './codes.js';
import { whyNot } from './parts.js';

const TYPING_MS = 300;
const LEAST_TYPED = 2;
/** Short: who gets no answer asks again. */
const TIMEOUT_MS = 4000;

/** @typedef {import('./meaning.js').Found} Found */

export class Finder {
  /**
   * @param {import('../app.js').App} app
   * @param {string | null} booth where to look first
   * @param {(found: Found, text: string, isWhole: boolean) => void} onFound isWhole: it was
   *   scanned, or typed to its end; the text is empty where too little is typed
   */
  constructor(app, booth, onFound) {
    this.app = app;
    this.booth = booth;
    this.onFound = onFound;
    /** What went wrong. */
    this.message = '';
    /** Counts what was typed, so that no answer to less of it is shown. */
    this.turn = 0;
    this.last = Promise.resolve();
    this.isStopped = false;
    this.camera = new Camera(
      (text) => void this.look(text),
      () => app.update(),
    );
    this.onKey = (event) => takeKey(event);
  }

  start() {
    document.addEventListener('keydown', this.onKey);
    this.focus();
    if (recall('camera') === 'on') void this.camera.start();
  }

  /** Have the keyboard type into the field, with the next frame; a touch screen would show one. */
  focus() {
    if (!matchMedia('(pointer: fine)').matches) return;
    requestAnimationFrame(() => requestAnimationFrame(() => field()?.focus()));
  }

  /** Forget what was typed. */
  clear() {
    this.turn += 1;
    const input = field();
    if (input) input.value = '';
  }

  stop() {
    this.isStopped = true;
    document.removeEventListener('keydown', this.onKey);
    this.camera.stop();
    this.turn += 1;
  }

  /**
   * Find what was scanned. What is scanned meanwhile comes after it.
   * @param {string} text
   */
  look(text) {
    this.turn += 1;
    this.last = this.last.then(() => this.#look(text));
    return this.last;
  }

  async #look(text) {
    if (this.isStopped) return;
    const found = await this.#ask(text);
    if (this.isStopped) return;
    if (found) this.onFound(found, text, true);
    else putBack(text);
    this.app.update();
  }

  async #suggest(text) {
    this.turn += 1;
    const { turn } = this;
    await wait(TYPING_MS);
    if (turn !== this.turn) return;
    const isShort = text.length < LEAST_TYPED;
    const found = isShort ? { items: [], more: false } : await this.#ask(text);
    if (turn !== this.turn || !found) return;
    this.onFound(found, isShort ? '' : text, false);
    this.app.update();
  }

  /**
   * @param {string} text
   * @returns {Promise<Found | null>} null: there is no answer, and the page says why
   */
  async #ask(text) {
    try {
      const here = this.booth === null ? null : await find(text, this.booth);
      this.message = '';
      // It may be from another booth.
      return here?.items.length ? here : await find(text, null);
    } catch (error) {
      this.message = whyNot(error);
      const { status } = /** @type {HubError} */ (error);
      if (status === 401 && !this.isStopped) this.app.onSessionEnd();
      return null;
    } finally {
      this.app.update();
    }
  }

  /** @param {string} label what to scan or type */
  view(label) {
    const send = (event) => {
      event.preventDefault();
      const text = event.target.elements.scan.value.trim();
      event.target.reset();
      if (text) void this.look(text);
    };
    return html`<form class="finder" role="search" @submit=${send}>
        <label for="scan">${label}</label>
        <input
          id="scan"
          name="scan"
          autocomplete="off"
          autocapitalize="none"
          spellcheck="false"
          enterkeyhint="search"
          @input=${(event) => void this.#suggest(event.target.value.trim())}
        />
        <button>${t('screen_find')}</button>
        ${this.#pictures()}
      </form>
      <p role="alert">${this.message || nothing}</p>`;
  }

  /** The camera, if there is one that may be used, and photos. */
  #pictures() {
    const { hindrance, stream } = this.camera;
    const toggle = () => {
      remember('camera', stream ? null : 'on');
      if (stream) this.camera.stop();
      else void this.camera.start();
    };
    const choosePhoto = () => document.getElementById('photo')?.click();
    return html`<div class="pictures">
        ${hindrance === 'needs_tls'
          ? nothing
          : html`<button type="button" aria-pressed=${stream !== null} @click=${toggle}>
              ${t('scan_camera')}
            </button>`}
        <button type="button" @click=${choosePhoto}>${t('scan_photo')}</button>
        <input
          id="photo"
          type="file"
          accept="image/*"
          capture="environment"
          aria-label=${t('scan_photo')}
          hidden
          @change=${(event) => void this.#onPhoto(event.target)}
        />
      </div>
      ${hindrance ? html`<p class="quiet hint">${t(`scan_${hindrance}`)}</p>` : nothing}
      ${stream
        ? html`<video
            .srcObject=${stream}
            aria-label=${t('scan_camera')}
            autoplay
            playsinline
            .muted=${true}
          ></video>`
        : nothing}`;
  }

  /** @param {HTMLInputElement} input */
  async #onPhoto(input) {
    const [photo] = input.files ?? [];
    if (!photo) return;
    const texts = await codesInPhoto(photo).catch(() => null);
    input.value = ''; // the same photo may be taken again
    this.message = texts === null ? t('scan_no_picture') : t('scan_nothing');
    if (texts?.length) {
      this.message = '';
      // In their order: a photo may show the charger and the widget.
      for (const text of texts) void this.look(text);
    }
    this.app.update();
  }
}

/**
 * @param {string} text
 * @param {string | null} booth
 * @returns {Promise<Found>}
 */
function find(text, booth) {
  const query = new URLSearchParams({ q: text, ...(booth === null ? {} : { booth }) });
  return ask('GET', `find?${query}`, { timeoutMs: TIMEOUT_MS });
}

/** @returns {HTMLInputElement | null} */
function field() {
  return /** @type {HTMLInputElement | null} */ (document.getElementById('scan'));
}

/** What could not be found: to be sent again. */
function putBack(text) {
  const input = field();
  if (input && !input.value) input.value = text;
}

/** A hand scanner types wherever the focus is: into the field, if not into another one. */
function takeKey(event) {
  if (event.key.length !== 1 || event.key === ' ') return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest('input, select, textarea, dialog')) return;
  field()?.focus();
}
