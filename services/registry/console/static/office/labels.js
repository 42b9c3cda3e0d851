// Labels to print: what is on them; the hub makes the pages.
import { html, nothing } from '../vendor/lit-html/lit-html.js';
import { boothChooser } from '../booths.js';
import { t } from '../texts.js';
import { isOnlyHere } from './keys.js';
import { hostOf, labelsAddress } from './label_address.js';

export class LabelsPage {
  /**
   * @param {string | null} booth
   * @param {import('./asking.js').App} app
   */
  constructor(booth, app) {
    this.app = app;
    this.wanted = { kind: 'charger', booth, ids: '' };
    this.address = new URL('..', location.href.split('#')[0]).href.replace(/\/$/, '');
  }

  view() {
    const { kind, ids } = this.wanted;
    const set = (name) => (event) => {
      this.wanted = { ...this.wanted, [name]: event.target.value };
      this.app.update();
    };
    const setAddress = (event) => {
      this.address = event.target.value.trim();
      this.app.update();
    };
    const host = hostOf(this.address);
    return html`<main class="office labels">
      <h1>${t('screen_labels')}</h1>
      <p>${t('labels_how')}</p>
      <form class="fields" @submit=${(event) => event.preventDefault()}>
        <label>
          ${t('labels_of')}
          <select @change=${set('kind')}>
            <option value="charger" .selected=${kind === 'charger'}>${t('chargers')}</option>
            <option value="widget" .selected=${kind === 'widget'}>${t('labels_widgets')}</option>
          </select>
        </label>
        ${this.app.me?.booth === null ? this.#booths() : nothing}
        <label>
          ${t('labels_ids')}
          <input
            .value=${ids}
            maxlength="8000"
            autocomplete="off"
            autocapitalize="none"
            spellcheck="false"
            @input=${set('ids')}
          />
        </label>
        <label>
          ${t('labels_address')}
          <input type="url" .value=${this.address} autocomplete="off" @input=${setAddress} />
        </label>
        <p class="warning" role="status">${this.#warning(host)}</p>
        ${host !== null
          ? html`<a
              class="go"
              target="_blank"
              rel="noopener"
              referrerpolicy="origin"
              href=${labelsAddress(this.wanted, this.address)}
              >${t('labels_open')}</a
            >`
          : nothing}
      </form>
    </main>`;
  }

  #booths() {
    const onChoice = (booth) => {
      this.wanted = { ...this.wanted, booth };
      this.app.update();
    };
    const offered = { all: true, none: true, onChoice };
    return html`<label>
      ${t('booth')} ${boothChooser(this.app.booths, this.wanted.booth, offered)}
    </label>`;
  }

  /** @param {string | null} host */
  #warning(host) {
    if (host === null) return t('labels_bad_address');
    return isOnlyHere(host) ? t('labels_only_here') : nothing;
  }
}
