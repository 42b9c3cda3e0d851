// Who has which key, and new ones: for admins.
import { html, nothing } from '../vendor/lit-html/lit-html.js';
import { boothChooser } from '../booths.js';
import { ask } from '../hub.js';
import { t } from '../texts.js';
import { AskingPage, closeDialog, openDialog, typedIn } from './asking.js';
import { ago, day } from './figures.js';
import { CodeDialog } from './code.js';
import { isOver } from './keys.js';

const ROLES = ['attendant', 'viewer', 'operator', 'admin'];
const DAYS = 365;

/** @typedef {import('./keys.js').Key} Key */

export class PeoplePage extends AskingPage {
  /** @param {import('./asking.js').App} app */
  constructor(app) {
    super(app);
    /** @type {Key[] | null} */
    this.keys = null;
    this.role = ROLES[0];
    /** The key that was just made: known to this page only, until it is put away. */
    this.made = { name: '', key: '', isCopied: false };
    /** The one that a dialog asks about. @type {Key | null} */
    this.revoking = null;
    this.code = new CodeDialog(app);
  }

  start() {
    // Where the hub asks for no key, there are none to make.
    if (!this.#isOpen) void this.attempt(() => this.#look());
  }

  stop() {
    super.stop();
    this.code.stop();
    this.made = { name: '', key: '', isCopied: false };
  }

  get #isOpen() {
    return this.app.me?.name === 'anonymous';
  }

  async #look() {
    const { items } = await ask('GET', 'keys');
    this.keys = items.sort((a, b) => a.name.localeCompare(b.name));
  }

  async #make(name, role, booth, days) {
    return this.attempt(async () => {
      const body = { name, role, valid_days: days, ...(booth && { booth }) };
      const { key } = await ask('POST', 'keys', { body });
      this.made = { name, key, isCopied: false };
      openDialog('dialog.made');
      await this.#look();
    });
  }

  async #revoke(key) {
    await this.attempt(async () => {
      await ask('DELETE', `keys/${encodeURIComponent(key.id)}`);
      await this.#look();
    });
  }

  view() {
    return html`<main class="office people">
        <h1>${t('screen_people')}</h1>
        <p role="alert">${this.trouble}</p>
        ${this.#isOpen ? html`<p>${t('open_hub')}</p>` : this.#content()}
      </main>
      ${this.#madeDialog()} ${this.#revokeDialog()} ${this.code.view()}`;
  }

  #content() {
    const { keys } = this;
    if (keys === null) {
      if (this.isBusy) return html`<p role="status">${t('one_moment')}</p>`;
      return html`<button type="button" @click=${() => this.start()}>${t('office_again')}</button>`;
    }
    const now = Date.now();
    const over = keys.filter((key) => isOver(key, now));
    return html`${this.#form()}
      <h2>${t('people_keys')}</h2>
      <ul class="cards" role="list">
        ${keys.filter((key) => !isOver(key, now)).map((key) => this.#card(key, now))}
      </ul>
      ${over.length ? this.#over(over) : nothing}`;
  }

  #form() {
    const send = async (event) => {
      const form = event.target;
      const typed = typedIn(event);
      const days = Number(typed('days'));
      if (!(await this.#make(typed('name'), this.role, typed('booth'), days))) return;
      form.reset();
      this.role = ROLES[0];
      this.app.update();
    };
    const onRole = (event) => {
      this.role = event.target.value;
      this.app.update();
    };
    const role = (each) => html`<option value=${each} .selected=${each === this.role}>
      ${t(`role_${each}`)}
    </option>`;
    return html`<details>
      <summary>${t('people_new')}</summary>
      <form class="fields" @submit=${send}>
        <label>
          ${t('people_name')}
          <input
            name="name"
            required
            maxlength="64"
            pattern="[A-Za-z0-9][A-Za-z0-9._@\\-]*"
            title=${t('people_name_rule')}
            autocomplete="off"
            autocapitalize="none"
            spellcheck="false"
          />
        </label>
        <label>
          ${t('people_may')}
          <select @change=${onRole}>
            ${ROLES.map(role)}
          </select>
        </label>
        <p class="quiet">${t(`people_can_${this.role}`)}</p>
        ${this.role === 'admin'
          ? nothing
          : html`<label>
              ${t('booth')} ${boothChooser(this.app.booths, null, { all: true, name: 'booth' })}
            </label>`}
        <label>
          ${t('people_days')}
          <input name="days" type="number" min="1" max="3660" .defaultValue=${String(DAYS)} required />
        </label>
        <button type="submit" ?disabled=${this.isBusy}>${t('people_make')}</button>
      </form>
    </details>`;
  }

  #card(key, now) {
    const ends = key.expires_at;
    const isSoon = ends !== null && Date.parse(ends) - now < 14 * 86_400_000;
    const mayHaveCode = key.role !== 'admin' || key.id === this.app.me?.key_id;
    const showCode = () => void this.code.show(key);
    const askFirst = () => {
      this.revoking = key;
      this.app.update();
      openDialog('dialog.revoke');
    };
    const { name } = key;
    return html`<li class="card">
      <h3>${name}</h3>
      <p>${this.#roleAndBooth(key)}</p>
      <p class="quiet">
        ${this.#used(key, now)}
        <span class=${isSoon ? 'is-soon' : ''}>
          ${ends === null ? t('people_no_end') : t('people_ends', { day: day(ends) })}
        </span>
      </p>
      <p class="actions">
        ${mayHaveCode
          ? html`<button type="button" aria-label=${t('people_code_for', { name })} @click=${showCode}>
              ${t('people_code')}
            </button>`
          : nothing}
        <button type="button" aria-label=${t('people_revoke_of', { name })} @click=${askFirst}>
          ${t('people_revoke')}
        </button>
      </p>
    </li>`;
  }

  #roleAndBooth({ role, booth, replaced_at }) {
    const name = this.app.booths.find(({ id }) => id === booth)?.name ?? booth;
    return html`${t(`role_${role}`)}${booth === null ? nothing : html` · ${name}`}
    ${replaced_at === null ? nothing : html` · ${t('people_replaced')}`}`;
  }

  #used({ created_at, last_used_at }, now) {
    const used =
      last_used_at === null
        ? t('people_never_used')
        : t('people_used', { ago: ago(Math.max(0, now - Date.parse(last_used_at)) / 1000) });
    return html`${t('people_made_on', { day: day(created_at) })} · ${used} · `;
  }

  #over(keys) {
    const line = ({ name, role, revoked_at, expires_at }) => html`<li>
      <b>${name}</b> · ${t(`role_${role}`)} ·
      ${revoked_at === null
        ? t('people_ended', { day: day(expires_at) })
        : t('people_revoked', { day: day(revoked_at) })}
    </li>`;
    return html`<details>
      <summary>${t('people_over')}</summary>
      <ul class="lines" role="list">
        ${keys.map(line)}
      </ul>
    </details>`;
  }

  #madeDialog() {
    const { name, key, isCopied } = this.made;
    const copy = async (event) => {
      const field = event.target.closest('dialog').querySelector('input');
      this.made.isCopied = await copied(field);
      this.app.update();
    };
    const forget = () => {
      this.made = { name: '', key: '', isCopied: false };
      this.app.update();
    };
    return html`<dialog class="made" aria-label=${t('people_made', { name })} @close=${forget}>
      <h2>${t('people_made', { name })}</h2>
      <p>${t('people_made_once')}</p>
      <input readonly .value=${key} aria-label=${t('api_key')} @focus=${(event) => event.target.select()} />
      <button type="button" @click=${copy}>${isCopied ? t('people_copied') : t('people_copy')}</button>
      <button type="button" @click=${closeDialog}>${t('people_kept')}</button>
    </dialog>`;
  }

  #revokeDialog() {
    const key = this.revoking;
    const revoke = (event) => {
      closeDialog(event);
      if (key) void this.#revoke(key);
    };
    const text = t('people_revoke_really', { name: key?.name ?? '' });
    return html`<dialog class="revoke" aria-label=${text}>
      <p><b>${text}</b></p>
      <p>${t('people_revoke_means')}</p>
      <button type="button" @click=${closeDialog}>${t('cancel')}</button>
      <button type="button" class="danger" ?disabled=${this.isBusy} @click=${revoke}>
        ${t('people_revoke')}
      </button>
    </dialog>`;
  }
}

/** Copy what is in a field: without TLS, browsers have the old way only. */
async function copied(field) {
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    return true;
  } catch {
    return document.execCommand('copy');
  }
}
