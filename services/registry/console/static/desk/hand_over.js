// A visitor hands a phone over, and is given a widget.
import { html, nothing } from '../vendor/lit-html/lit-html.js';
import { isAbout, recall, remember } from '../memory.js';
import { t } from '../texts.js';
import { bodyOf, emptyDraft, readDraft, unlessOld, widgetOf, withChoice } from './draft.js';
import { Errand, newId } from './errand.js';
import { Finder } from './finder.js';
import { devicesIn } from './meaning.js';
import { choicesView, collectLink, doneView, errandView, nameOf, takeScanned, whyNot } from './parts.js';

/** @typedef {import('./draft.js').Draft} Draft */
/** @typedef {import('./meaning.js').Choice} Choice */

/** Goes on while another screen is shown. @type {Errand<Draft>} */
const errand = new Errand('hand-over-sent');

const PAIRED = ['charger-is-paired', 'widget-is-paired'];
const LONGEST_TICKET = 64;

export class HandOverPage {
  /**
   * @param {import('../address.js').Place} place
   * @param {import('../app.js').App} app
   */
  constructor({ booth }, app) {
    this.app = app;
    this.booth = booth;
    this.finder = new Finder(app, booth, (...found) => this.#onFound(...found));
    this.draft = emptyDraft();
    /** What a text may name. @type {{choices: Choice[], text: string, more: boolean} | null} */
    this.offer = null;
    /** What keeps this draft from being done. @type {unknown} */
    this.hindrance = nothing;
    /** @type {{draft: Draft, rental: import('./meaning.js').Rental} | null} */
    this.done = null;
    this.onStorage = (event) => {
      if (!isAbout(event, 'hand-over')) return;
      this.#recall();
      this.hindrance = nothing; // it was another draft's
      app.update();
    };
  }

  start() {
    const scanned = takeScanned(this.app);
    errand.onNews = () => this.#onNews();
    errand.onSessionEnd = this.app.onSessionEnd;
    errand.resume();
    this.#recall();
    this.#onNews();
    // A link that the phone's own camera reads opens in another tab.
    addEventListener('storage', this.onStorage);
    this.finder.start();
    if (scanned !== null) void this.finder.look(scanned);
  }

  stop() {
    this.finder.stop();
    removeEventListener('storage', this.onStorage);
    errand.onNews = () => {};
  }

  #recall() {
    this.draft = readDraft(recall('hand-over'), Date.now());
  }

  /** What is added to belongs to it. */
  get #current() {
    return unlessOld(this.draft, Date.now());
  }

  /** @param {Draft} draft */
  #keep(draft) {
    this.draft = { ...draft, at: Date.now() };
    remember('hand-over', JSON.stringify(this.draft));
    this.done = null;
    this.hindrance = nothing;
    this.app.update();
  }

  #onFound(found, text, isWhole) {
    if (errand.change !== null) return;
    const named = devicesIn(found);
    if ('take' in named && isWhole) {
      this.offer = null;
      this.#take(named.take);
      return;
    }
    const choices = 'take' in named ? named.take : named.choices;
    this.offer = text ? { choices, text, more: found.more } : null;
    if (isWhole) this.done = null;
  }

  /** @param {Choice[]} choices */
  #take(choices) {
    const inUse = choices.find(({ rental }) => rental !== null);
    if (!inUse?.rental) {
      this.#keep(choices.reduce(withChoice, this.#current));
      return;
    }
    const text = inUse.kind === 'charger' ? 'hand_over_charger_in_use' : 'hand_over_widget_in_use';
    this.done = null;
    this.hindrance = html`${t(text, { name: nameOf(inUse) })}
    ${collectLink(inUse.rental.short_id, this.booth, t('screen_collect'))}`;
  }

  #send({ replace = false } = {}) {
    const body = bodyOf(this.draft);
    if (body === null) return;
    const path = `rentals/${newId()}${replace ? '?replace=true' : ''}`;
    errand.begin({ path, body, about: this.draft });
    this.#keep(emptyDraft());
    this.offer = null;
  }

  #onNews() {
    const outcome = errand.takeOutcome();
    if (outcome) this.finder.focus();
    if (outcome?.answer) {
      this.done = { draft: outcome.change.about, rental: outcome.answer };
    } else if (outcome?.error) {
      this.#keep(outcome.change.about);
      this.hindrance = this.#refusal(outcome.error);
    }
    this.app.update();
  }

  /** @param {import('../hub.js').HubError} error */
  #refusal(error) {
    if (error.type === 'rental-is-open') return t('hand_over_in_use');
    if (error.type === 'not-registered') return t('hand_over_gone');
    if (!PAIRED.includes(error.type)) return whyNot(error);
    return html`${t('hand_over_paired')}
      <button type="button" @click=${() => this.#send({ replace: true })}>
        ${t('hand_over_replace')}
      </button>`;
  }

  view() {
    const { draft } = this;
    if (errand.change !== null) {
      const { about } = errand.change;
      const onStop = () => {
        this.hindrance = t('desk_stopped');
        errand.drop();
      };
      const title = t('screen_hand_over');
      return html`<main class="desk">
        <h1 class="visually-hidden">${title}</h1>
        <div role="status">${errandView(errand, { title, what: wordsOf(about), onStop })}</div>
      </main>`;
    }
    return html`<main class="desk">
      <h1 class="visually-hidden">${t('screen_hand_over')}</h1>
      <div role="status">${this.done ? this.#done(this.done) : nothing}</div>
      ${this.finder.view(this.#wanted())} ${this.offer ? this.#offer(this.offer) : nothing}
      <div class="hindrance" role="alert">${this.hindrance}</div>
      <dl class="draft">
        ${this.#part('charger', t('kind_charger'), draft.charger)}
        ${this.#part('widget', t('kind_widget'), widgetOf(draft))}
      </dl>
      <label for="ticket">${t('hand_over_ticket')}</label>
      <input
        id="ticket"
        autocomplete="off"
        maxlength=${LONGEST_TICKET}
        .value=${draft.ticket}
        @input=${(event) => this.#keep({ ...this.#current, ticket: event.target.value })}
        @keydown=${(event) => this.#onTicketKey(event)}
      />
      <button
        type="button"
        id="do"
        class="primary"
        ?disabled=${bodyOf(draft) === null}
        @click=${() => this.#send()}
      >
        ${t('screen_hand_over')}
      </button>
    </main>`;
  }

  #wanted() {
    if (this.draft.charger === null) return t('hand_over_scan_charger');
    if (widgetOf(this.draft) === null) return t('hand_over_scan_widget');
    return t('hand_over_scan_other');
  }

  /** A hand scanner ends with Enter, too: that must hand over nothing. */
  #onTicketKey(event) {
    if (event.key !== 'Enter') return;
    event.preventDefault(); // it would press the button that has the focus next
    const { ticket } = this.draft;
    if (ticket.includes('://')) {
      this.#keep({ ...this.draft, ticket: '' });
      void this.finder.look(ticket);
    }
    document.getElementById('do')?.focus();
  }

  #part(kind, word, part) {
    const isOwn = kind === 'widget' && this.draft.widget === null;
    if (!part) {
      return html`<div><dt>${word}</dt><dd>–</dd></div>`;
    }
    const name = nameOf(part);
    const more = isOwn ? t('hand_over_own') : name === part.id ? '' : part.id;
    const remove = () => this.#keep({ ...this.draft, [kind]: null });
    const label = t('desk_remove', { name });
    return html`<div class="is-there">
      <dt>${word}</dt>
      <dd><b>${name}</b> <span>${more}</span></dd>
      ${isOwn
        ? nothing
        : html`<dd><button type="button" aria-label=${label} @click=${remove}>✕</button></dd>`}
    </div>`;
  }

  /** @param {{choices: Choice[], text: string, more: boolean}} offer */
  #offer({ choices, text, more }) {
    const look = (each) => ({
      name: nameOf(each),
      more: [t(`kind_${each.kind}`), each.id, each.location, each.rental ? t('desk_in_use') : ''],
      isOut: each.rental !== null,
    });
    const choose = (each) => {
      this.offer = null;
      this.finder.clear();
      this.#take([each]);
    };
    const mayBeTicket = !choices.length && text.length <= LONGEST_TICKET && !text.includes('://');
    return html`${choicesView({ choices, text, more }, look, choose)}
    ${mayBeTicket ? this.#asTicket(text) : nothing}`;
  }

  #asTicket(text) {
    const take = () => {
      this.offer = null;
      this.finder.clear();
      this.#keep({ ...this.#current, ticket: text });
    };
    return html`<button type="button" @click=${take}>
      ${t('hand_over_as_ticket', { text })}
    </button>`;
  }

  #done({ draft, rental }) {
    return doneView({
      title: t('hand_over_done'),
      name: wordsOf(draft),
      more: [draft.ticket ? t('ticket_of', { ticket: draft.ticket }) : '', rental.short_id],
      notes: [rental.projected ? '' : t('desk_not_in_effect')],
    });
  }
}

/** @param {Draft} draft */
function wordsOf(draft) {
  const parts = [draft.charger, widgetOf(draft)].flatMap((part) => (part ? [nameOf(part)] : []));
  return parts.join(' → ');
}
