// Who did what: the audit log, as sentences.
import { html, nothing } from '../vendor/lit-html/lit-html.js';
import { addressOf } from '../address.js';
import { ask } from '../hub.js';
import { clockTime, t } from '../texts.js';
import { AskingPage, typedIn } from './asking.js';
import { day } from './figures.js';
import { byDay } from './hub_model.js';
import { changesIn, sentenceOf } from './sentences.js';

const AT_ONCE = 50;

/** Kinds of things that one can choose. */
const KINDS = ['rental', 'pairing', 'charger', 'widget', 'booth', 'import'];

/** What is about an API key, by its id. */
const KEYS = ['api-key', 'sign-in-code'];

/** @typedef {import('./sentences.js').Entry} Entry */

export class AuditPage extends AskingPage {
  /**
   * @param {import('../address.js').Place} place
   * @param {import('./asking.js').App} app
   */
  constructor({ id, booth }, app) {
    super(app);
    this.booth = booth;
    this.wanted = { subject: id ?? '', who: '', kind: '', importId: '' };
    /** @type {Entry[] | null} */
    this.entries = null;
    /** Of keys, by their ids. @type {Map<string, string>} */
    this.names = new Map();
    /** Where the next page begins; null: there is none. @type {string | null} */
    this.next = null;
  }

  async start() {
    await this.#look(null);
    await this.#nameKeys();
  }

  /** Admins see what is about keys: by whose they are, not by their ids. */
  async #nameKeys() {
    const { me } = this.app;
    if (this.entries === null || me?.role !== 'admin' || me.name === 'anonymous') return;
    await this.attempt(async () => {
      const { items } = await ask('GET', 'keys');
      this.names = new Map(items.map(({ id, name }) => [id, name]));
    });
  }

  /** @param {string | null} cursor where a further page begins */
  async #look(cursor) {
    const { subject, who, kind, importId } = this.wanted;
    const query = new URLSearchParams({ limit: String(AT_ONCE) });
    if (subject) query.set('subject', subject);
    if (who) query.set('who', who);
    if (kind) query.set('kind', kind);
    if (importId) query.set('import_id', importId);
    if (this.booth !== null) query.set('booth', this.booth);
    if (cursor !== null) query.set('cursor', cursor);
    await this.attempt(async () => {
      const page = await ask('GET', `audit?${query}`);
      this.entries = cursor === null ? page.items : [...(this.entries ?? []), ...page.items];
      this.next = page.next;
    });
  }

  view() {
    return html`<main class="office audit">
      <h1>${t('screen_audit')}</h1>
      ${this.#form()}
      <p role="alert">${this.trouble}</p>
      ${this.entries === null ? this.#nothingYet() : this.#list(this.entries)}
    </main>`;
  }

  #form() {
    const { subject, who, kind, importId } = this.wanted;
    const send = (event) => {
      const typed = typedIn(event);
      this.wanted = { subject: typed('subject'), who: typed('who'), kind: typed('kind'), importId: '' };
      // So that a link back to the device that was shown before leads somewhere.
      const id = this.wanted.subject || null;
      history.replaceState(null, '', addressOf('audit', { id, booth: this.booth }));
      void this.#look(null);
    };
    const all = () => {
      this.wanted = { ...this.wanted, importId: '' };
      void this.#look(null);
    };
    if (importId) {
      return html`<p>${t('audit_of_import')}</p>
        <button type="button" ?disabled=${this.isBusy} @click=${all}>${t('audit_all')}</button>`;
    }
    const field = (name, text, value) => html`<label>
      ${text}
      <input
        name=${name}
        .value=${value}
        maxlength="200"
        autocomplete="off"
        autocapitalize="none"
        spellcheck="false"
      />
    </label>`;
    return html`<form class="fields in-a-row" role="search" @submit=${send}>
      ${field('subject', t('audit_subject'), subject)} ${field('who', t('audit_who'), who)}
      <label>
        ${t('audit_kind')}
        <select name="kind">
          <option value="">${t('all')}</option>
          ${KINDS.map(
            (each) =>
              html`<option value=${each} .selected=${each === kind}>${t(`kind_${each}`)}</option>`,
          )}
        </select>
      </label>
      <button type="submit" ?disabled=${this.isBusy}>${t('show')}</button>
    </form>`;
  }

  #nothingYet() {
    return this.isBusy ? html`<p role="status">${t('one_moment')}</p>` : nothing;
  }

  /** @param {Entry[]} entries */
  #list(entries) {
    if (!entries.length) return html`<p class="empty">${t('audit_nothing')}</p>`;
    const more = () => void this.#look(this.next);
    return html`${byDay(entries, day).map(
        ([name, each]) => html`<h2>${name}</h2>
          <ol class="lines" role="list">
            ${each.map((entry) => this.#entry(entry))}
          </ol>`,
      )}
      ${this.next === null
        ? nothing
        : html`<button type="button" ?disabled=${this.isBusy} @click=${more}>${t('audit_older')}</button>`}`;
  }

  /** @param {Entry} entry */
  #entry(entry) {
    const { at, address } = entry;
    const { name, values } = sentenceOf(entry);
    const said = t(name, {
      ...values,
      subject: KEYS.includes(entry.kind) ? (this.names.get(entry.subject) ?? entry.subject) : entry.subject,
      who: nameOf(entry.who),
      role: values.role ? t(`role_${values.role}`) : '',
    });
    const changes = changesIn(entry).map(
      ([column, before, after]) => html`<span class="part">${columnName(column)}: ${before} → ${after}</span>`,
    );
    return html`<li>
      <time datetime=${at}>${clockTime(at)}</time>
      <span>
        ${said} ${changes.length ? html`<span class="quiet">${changes}</span>` : nothing}
        ${address ? html`<span class="quiet">${t('audit_from', { address })}</span>` : nothing}
        ${this.#link(entry)}
      </span>
    </li>`;
  }

  #link({ action, kind, subject, rental }) {
    if (action === 'imported') {
      const open = () => {
        this.wanted = { ...this.wanted, importId: subject };
        void this.#look(null);
      };
      return html`<button type="button" ?disabled=${this.isBusy} @click=${open}>
        ${t('audit_open_import')}
      </button>`;
    }
    const device = rental?.charger ?? (['charger', 'widget', 'pairing'].includes(kind) ? subject : '');
    if (!device || device === this.wanted.subject) return nothing;
    const booth = this.booth;
    return html`<a href=${addressOf('audit', { id: device, booth })}>${t('audit_only', { device })}</a>`;
  }
}

function nameOf(who) {
  const known = {
    registry: () => t('audit_the_hub'),
    anonymous: () => t('audit_someone'),
    nobody: () => t('audit_someone'),
  };
  return Object.hasOwn(known, who) ? known[who]() : who;
}

function columnName(column) {
  const known = {
    label: () => t('audit_column_label'),
    location: () => t('audit_column_location'),
    booth: () => t('booth'),
    name: () => t('audit_column_name'),
    ticket: () => t('audit_column_ticket'),
    widget_id: () => t('kind_widget'),
  };
  return Object.hasOwn(known, column) ? known[column]() : column;
}
