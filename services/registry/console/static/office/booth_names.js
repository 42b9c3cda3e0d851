// Booths: new ones, and other names.
import { html } from '../vendor/lit-html/lit-html.js';
import { allBooths } from '../booths.js';
import { ask } from '../hub.js';
import { t } from '../texts.js';
import { AskingPage, typedIn } from './asking.js';

export class BoothNamesPage extends AskingPage {
  /** @param {import('./asking.js').App} app */
  constructor(app) {
    super(app);
    /** What went well. */
    this.said = '';
  }

  start() {
    void this.attempt(async () => void (this.app.booths = await allBooths()));
  }

  async #change(method, path, name, said) {
    this.said = '';
    return this.attempt(async () => {
      await ask(method, path, { body: { name } });
      this.app.booths = await allBooths();
      this.said = said;
    });
  }

  async #make(event) {
    const name = typedIn(event)('name');
    if (await this.#change('POST', 'booths', name, t('booths_made', { name }))) event.target.reset();
  }

  #rename(event, id) {
    const name = typedIn(event)('name');
    void this.#change('PATCH', `booths/${encodeURIComponent(id)}`, name, t('booths_renamed', { name }));
  }

  view() {
    return html`<main class="office booth-names">
      <h1>${t('screen_booth_names')}</h1>
      <p role="alert">${this.trouble}</p>
      <p role="status">${this.said}</p>
      <form class="fields one-line" @submit=${(event) => void this.#make(event)}>
        <label>${t('booths_new')} <input name="name" required maxlength="200" autocomplete="off" /></label>
        <button type="submit" ?disabled=${this.isBusy}>${t('booths_make')}</button>
      </form>
      ${this.app.booths.map(
        ({ id, name }) => html`<form
          class="fields one-line"
          data-booth=${id}
          @submit=${(event) => this.#rename(event, id)}
        >
          <label>
            ${t('booths_name_of', { id })}
            <input name="name" .value=${name} required maxlength="200" autocomplete="off" />
          </label>
          <button type="submit" aria-label=${t('booths_rename_this', { name })} ?disabled=${this.isBusy}>
            ${t('save')}
          </button>
        </form>`,
      )}
    </main>`;
  }
}
