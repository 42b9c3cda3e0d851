// A code that signs someone in, for the camera of their phone.
import { html, nothing } from '../vendor/lit-html/lit-html.js';
import { ask } from '../hub.js';
import { t } from '../texts.js';
import { AskingPage, closeDialog, openDialog } from './asking.js';
import { drawn, isOnlyHere, timeLeft } from './keys.js';

const TICK_MS = 500;
const LASTS_MS = 5 * 60_000;

export class CodeDialog extends AskingPage {
  /** @param {import('./asking.js').App} app */
  constructor(app) {
    super(app);
    /** @type {import('./keys.js').Key | null} */
    this.key = null;
    /** @type {{width: number, path: string} | null} */
    this.picture = null;
    this.endsAt = 0;
    this.ticking = 0;
  }

  stop() {
    super.stop();
    this.#forget();
  }

  /** @param {import('./keys.js').Key} key whose */
  async show(key) {
    this.key = key;
    this.app.update();
    openDialog('dialog.code');
    await this.#make(key);
  }

  async #make(key) {
    await this.attempt(async () => {
      // By our own clock, and from before it was made: it may differ from the hub's.
      const endsAt = Date.now() + LASTS_MS;
      const { qr } = await ask('POST', 'session/codes', { body: { key_id: key.id } });
      if (this.key !== key) return; // closed meanwhile
      this.picture = drawn(qr);
      this.endsAt = endsAt;
      clearInterval(this.ticking);
      this.ticking = setInterval(() => this.#tick(), TICK_MS);
    });
    // Another one's was wanted meanwhile: one thing is asked for at a time.
    if (this.key !== null && this.key !== key) await this.#make(this.key);
  }

  #tick() {
    if (Date.now() >= this.endsAt) {
      this.picture = null;
      clearInterval(this.ticking);
    }
    this.app.update();
  }

  #forget() {
    this.key = this.picture = null;
    this.trouble = '';
    clearInterval(this.ticking);
    this.app.update();
  }

  view() {
    const name = this.key?.name ?? '';
    return html`<dialog class="code" aria-label=${t('people_code_for', { name })} @close=${() => this.#forget()}>
      <h2>${t('people_code_for', { name })}</h2>
      <p role="alert">${this.trouble}</p>
      ${this.picture ? this.#code(this.picture) : this.#none()}
      <button type="button" @click=${closeDialog}>${t('close')}</button>
    </dialog>`;
  }

  #code({ width, path }) {
    return html`<p>${t('people_code_how')}</p>
      ${isOnlyHere(location.hostname) ? html`<p class="warning">${t('people_code_only_here')}</p>` : nothing}
      <svg class="qr" viewBox="0 0 ${width} ${width}" role="img" aria-label=${t('people_code_picture')}>
        <rect width=${width} height=${width} fill="#fff"></rect>
        <path d=${path} fill="#000"></path>
      </svg>
      <p role="timer">${t('people_code_left', { time: timeLeft(this.endsAt - Date.now()) ?? '0:00' })}</p>`;
  }

  #none() {
    if (this.isBusy) return html`<p role="status">${t('one_moment')}</p>`;
    const again = () => {
      if (this.key) void this.#make(this.key);
    };
    return html`<p>${this.trouble ? nothing : t('people_code_over')}</p>
      <button type="button" @click=${again}>${t('people_code_again')}</button>`;
  }
}
