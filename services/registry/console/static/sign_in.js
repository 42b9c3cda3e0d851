// The page before one is signed in.
import { html, nothing } from './vendor/lit-html/lit-html.js';
import { saidOf } from './errors.js';
import { HubError } from './hub.js';
import { signIn } from './session.js';
import { t } from './texts.js';

/** What goes wrong with a question about who we are; a refusal says more by itself. */
export const SIGNING_IN = { 403: 'hub_refused', 500: 'hub_cannot_check' };

export class SignInPage {
  /**
   * @param {string} message why one is here; empty: for the first time
   * @param {{update: () => void, onSignedIn: (me: import('./session.js').Oneself) => void}} app
   */
  constructor(message, app) {
    this.app = app;
    this.message = message;
    this.isBusy = false;
  }

  /**
   * @param {string} bearer an API key, or a code
   * @param {string} wrong the text to show where the hub does not accept it
   */
  async present(bearer, wrong) {
    this.isBusy = true;
    this.message = '';
    this.app.update();
    try {
      this.app.onSignedIn(await signIn(bearer));
    } catch (error) {
      if (error instanceof HubError && error.status === 409) location.reload(); // it asks for none
      this.message = saidOf(error, { ...SIGNING_IN, 401: wrong });
    }
    this.isBusy = false;
    this.app.update();
  }

  view() {
    const send = (event) => {
      event.preventDefault();
      const key = String(new FormData(event.target).get('key')).trim();
      if (key && !this.isBusy) void this.present(key, 'key_wrong');
    };
    return html`<main class="sign-in">
      <h1>${t('title')}</h1>
      <p role="alert">${this.message || nothing}</p>
      <form @submit=${send}>
        <label for="key">${t('api_key')}</label>
        <input
          id="key"
          name="key"
          type="password"
          autocomplete="current-password"
          spellcheck="false"
          required
        />
        <button type="submit" ?disabled=${this.isBusy}>
          ${this.isBusy ? t('signing_in') : t('sign_in')}
        </button>
      </form>
      <p>${t('sign_in_how')}</p>
    </main>`;
  }
}
