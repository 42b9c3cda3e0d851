// A visitor takes a phone back, and returns the widget.
import { html, nothing } from '../vendor/lit-html/lit-html.js';
import { ask } from '../hub.js';
import { inMinutes, moment, percent, t } from '../texts.js';
import { kindOf } from '../wall/model.js';
import { PATIENT_MS, watchFor, watchWhileSeen } from '../watch.js';
import { Errand } from './errand.js';
import { Finder } from './finder.js';
import { isWidgetMissing, rentalsIn } from './meaning.js';
import { chargerOf, choicesView, doneView, errandView, nameOf, takeScanned, whyNot } from './parts.js';

/** @typedef {import('./meaning.js').Rental} Rental */
/** @typedef {'given_back' | 'widget_kept' | 'widget_back'} Deed What becomes of a rental. */

/** Goes on while another screen is shown. @type {Errand<{rental: Rental, deed: Deed}>} */
const errand = new Errand('collection-sent');

export class CollectPage {
  /**
   * @param {import('../address.js').Place} place
   * @param {import('../app.js').App} app
   */
  constructor({ booth }, app) {
    this.app = app;
    this.booth = booth;
    this.finder = new Finder(app, booth, (...found) => this.#onFound(...found));
    /** @type {Rental | null} */
    this.rental = null;
    /** How it stands with its charger; null: not known. @type {any} */
    this.state = null;
    /** What a text may name. @type {{choices: Rental[], text: string, more: boolean} | null} */
    this.offer = null;
    this.message = '';
    /** @type {{deed: Deed, rental: Rental} | null} */
    this.done = null;
    /** The level and the light are for looking at: without them, the phone is given back as well. */
    this.watch = watchFor(app, () => this.#look());
    this.end = () => {};
  }

  start() {
    const scanned = takeScanned(this.app);
    errand.onNews = () => this.#onNews();
    errand.onSessionEnd = this.app.onSessionEnd;
    errand.resume();
    this.#onNews();
    this.finder.start();
    if (scanned !== null) void this.finder.look(scanned);
    this.end = watchWhileSeen([this.watch], this.app.update);
  }

  stop() {
    this.end();
    this.finder.stop();
    errand.onNews = () => {};
  }

  #onFound(found, text, isWhole) {
    if (errand.change !== null) return;
    const named = rentalsIn(found);
    if (!isWhole) {
      const choices = 'rental' in named ? [named.rental] : 'choices' in named ? named.choices : [];
      this.offer = text ? { choices, text, more: found.more } : null;
      return;
    }
    this.done = null;
    this.offer = null;
    this.message = '';
    this.#show('rental' in named ? named.rental : null);
    if ('free' in named) this.message = t('collect_free', { name: nameOf(named.free) });
    if ('over' in named) this.message = overText(named.over);
    if ('choices' in named) this.offer = { choices: named.choices, text, more: found.more };
  }

  /** @param {Rental | null} rental */
  #show(rental) {
    this.rental = rental;
    this.state = null;
    this.app.update();
    this.watch.lookNow();
  }

  async #look() {
    const { rental } = this;
    if (rental === null || rental.collected_at !== null) return;
    const path = `chargers/${encodeURIComponent(rental.charger)}/state`;
    const state = await ask('GET', path, { timeoutMs: PATIENT_MS });
    if (this.rental === rental) this.state = state;
  }

  /** @param {Deed} deed */
  #do(deed) {
    const { rental } = this;
    if (rental === null) return;
    const isBack = deed === 'widget_back';
    const path = `rentals/${rental.id}/${isBack ? 'widget-return' : 'collection'}`;
    const body = isBack ? {} : { widget_returned: deed === 'given_back' };
    errand.begin({ path, body, about: { rental, deed } });
    this.rental = null;
    this.message = '';
    this.app.update();
  }

  #onNews() {
    const outcome = errand.takeOutcome();
    if (outcome) {
      const { rental, deed } = outcome.change.about;
      this.finder.focus();
      if (outcome.answer) {
        this.done = { deed, rental: outcome.answer };
      } else if (outcome.error) {
        this.message = whyNot(outcome.error);
        this.#show(rental);
      }
    }
    this.app.update();
  }

  view() {
    return html`<main class="desk">
      <h1 class="visually-hidden">${t('screen_collect')}</h1>
      ${errand.change === null ? this.#free() : this.#busy(errand.change.about)}
    </main>`;
  }

  #busy({ rental, deed }) {
    const onStop = () => {
      this.message = t('desk_stopped');
      errand.drop();
    };
    const what = [chargerOf(rental), ticketOf(rental)].filter(Boolean).join(' · ');
    return html`<div role="status">
      ${errandView(errand, { title: t(`collect_do_${deed}`), what, onStop })}
    </div>`;
  }

  #free() {
    return html`<div role="status">${this.done ? doneOf(this.done) : nothing}</div>
      ${this.finder.view(t('collect_scan'))} ${this.offer ? this.#offer(this.offer) : nothing}
      <p class="hindrance" role="alert">${this.message || nothing}</p>
      ${this.rental ? this.#card(this.rental) : nothing}`;
  }

  /** @param {{choices: Rental[], text: string, more: boolean}} offer */
  #offer({ choices, text, more }) {
    const look = (each) => ({
      name: chargerOf(each),
      more: [ticketOf(each), each.widget, isWidgetMissing(each) ? t('collect_missing') : ''],
    });
    const choose = (each) => {
      this.finder.clear();
      this.offer = null;
      this.done = null;
      this.message = '';
      this.#show(each);
    };
    return choicesView({ choices, text, more }, look, choose);
  }

  /** @param {Rental} rental */
  #card(rental) {
    const act = (deed, isFirst) =>
      html`<button type="button" class=${isFirst ? 'primary' : ''} @click=${() => this.#do(deed)}>
        ${t(`collect_do_${deed}`)}
      </button>`;
    const booth = this.app.booths.find(({ id }) => id === rental.booth)?.name ?? rental.booth;
    const place = [booth, rental.location].filter(Boolean).join(' · ');
    return html`<section class="panel card">
      <h2 class="large">${chargerOf(rental)}</h2>
      <p>${place}</p>
      <p class="what"><b>${ticketOf(rental)}</b> ${widgetText(rental)}</p>
      ${isWidgetMissing(rental)
        ? html`<p>${overText(rental)}</p>
            ${act('widget_back', true)}`
        : html`${this.#light(rental)}
            <p>${openedText(rental)}</p>
            ${act('given_back', true)} ${rental.widget ? act('widget_kept', false) : nothing}`}
    </section>`;
  }

  #light(rental) {
    const { state, watch } = this;
    if (state === null || !watch.isCurrent) return html`<p class="word">${t('not_known')}</p>`;
    const light = state.status?.status ?? null;
    const kind = kindOf({ online: state.online, light });
    // What this phone has said: an older reading is the last visitor's.
    const level = state.status === null || !state.reading ? '–' : percent(state.reading.soc);
    const isReady = kind === 'ready' && rental.reached_100_at !== null;
    return html`<p class="word ${kind}">
      <svg aria-hidden="true"><use href="#shape-${kind}"></use></svg>
      <b class="large">${level}</b> ${t(kind)}
      ${isReady ? t('ready_for', { minutes: since(rental.reached_100_at) }) : nothing}
    </p>`;
  }
}

/** @param {{deed: Deed, rental: Rental}} done */
function doneOf({ deed, rental }) {
  const { paired_before, pairing_kept } = rental;
  const isUnpaired = deed === 'widget_kept' && paired_before && pairing_kept === false;
  return doneView({
    title: t(`collect_done_${deed}`),
    name: chargerOf(rental),
    more: [ticketOf(rental), rental.short_id],
    notes: [
      isUnpaired ? t('collect_unpaired', { name: chargerOf(rental) }) : '',
      rental.projected ? '' : t('desk_not_in_effect'),
    ],
    kind: deed === 'widget_kept' ? 'problem' : 'ready',
  });
}

/** @param {Rental} rental */
function ticketOf({ ticket }) {
  return ticket === null ? '' : t('ticket_of', { ticket });
}

/** @param {Rental} rental */
function widgetText({ widget }) {
  return widget === null ? nothing : t('desk_widget_of', { id: widget });
}

/** @param {Rental} rental */
function openedText({ opened_at }) {
  return t('collect_opened', { time: moment(opened_at), minutes: since(opened_at) });
}

/** @param {Rental} rental */
function overText(rental) {
  const time = moment(rental.collected_at ?? '');
  const text = isWidgetMissing(rental) ? 'collect_over_kept' : 'collect_over';
  return t(text, { name: chargerOf(rental), time });
}

/** @param {string | null} when */
function since(when) {
  return inMinutes(Math.max(0, Math.floor((Date.now() - Date.parse(when ?? '')) / 60_000)));
}
