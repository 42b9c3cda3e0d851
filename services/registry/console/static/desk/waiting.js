// Who waits longest: phones that are ready and not collected, and widgets that did not come back.
import { html, nothing } from '../vendor/lit-html/lit-html.js';
import { ask } from '../hub.js';
import { mayAs } from '../session.js';
import { inMinutes, moment, t } from '../texts.js';
import { LISTS, watchFor, watchWhileSeen } from '../watch.js';
import { chargerOf, collectLink, whyNot } from './parts.js';

/** @typedef {import('./meaning.js').Rental} Rental */
/** @typedef {'ready' | 'missing'} Which */

const STEP = 50;
/** The hub gives no more at once. */
const MOST = 1000;

const QUERIES = { ready: 'charged_for_minutes=0', missing: 'widget_missing=true' };

export class WaitingPage {
  /**
   * @param {import('../address.js').Place} place
   * @param {import('../app.js').App} app
   */
  constructor({ booth }, app) {
    this.app = app;
    this.booth = booth;
    /** @type {Which} */
    this.which = 'ready';
    this.count = STEP;
    /** null: not known yet. @type {Rental[] | null} */
    this.rentals = null;
    this.isMore = false;
    this.watch = watchFor(app, () => this.#look(), LISTS);
    this.end = () => {};
  }

  start() {
    this.end = watchWhileSeen([this.watch], this.app.update);
  }

  stop() {
    this.end();
  }

  async #look() {
    const { which } = this;
    const { items, isMore } = await this.#load();
    if (which !== this.which) return; // the other list was chosen meanwhile
    this.rentals = items;
    this.isMore = isMore;
  }

  /** Load as many as are shown, from the first. */
  async #load() {
    const query = new URLSearchParams(`order=waiting&${QUERIES[this.which]}`);
    if (this.booth !== null) query.set('booth', this.booth);
    const items = [];
    let next = null;
    do {
      query.set('limit', String(Math.min(MOST, this.count - items.length)));
      if (next !== null) query.set('cursor', next);
      const page = await ask('GET', `rentals?${query}`);
      items.push(...page.items);
      next = page.next;
    } while (next !== null && items.length < this.count);
    return { items, isMore: next !== null };
  }

  view() {
    const said = this.#said();
    return html`<section class="top-line" aria-label=${t('screen_waiting')}>
        ${said ? html`<p class="contact is-lost" role="status">${said}</p>` : nothing}
        <div class="filters" role="group" aria-label=${t('show')}>
          ${this.#filter('ready', t('waiting_ready'))}
          ${this.#filter('missing', t('waiting_missing'))}
        </div>
      </section>
      <main class="desk waiting">
        <h1 class="visually-hidden">${t('screen_waiting')}</h1>
        ${this.rentals === null ? this.#unknown() : this.#list(this.rentals)}
      </main>`;
  }

  #said() {
    const { error, heardAt, isCurrent } = this.watch;
    if (isCurrent) return '';
    const why = error === null ? '' : whyNot(error);
    if (heardAt === null || this.rentals === null) return why;
    return `${t('waiting_as_of', { time: moment(heardAt) })} ${why}`;
  }

  /**
   * @param {Which} which
   * @param {string} word
   */
  #filter(which, word) {
    const choose = () => {
      this.which = which;
      this.count = STEP;
      this.rentals = null;
      scrollTo(0, 0);
      this.app.update();
      this.watch.lookNow();
    };
    return html`<button
      type="button"
      class="filter"
      aria-pressed=${this.which === which}
      @click=${choose}
    >
      ${word}
    </button>`;
  }

  #unknown() {
    return this.watch.error ? nothing : html`<p class="empty">${t('one_moment')}</p>`;
  }

  /** @param {Rental[]} rentals */
  #list(rentals) {
    if (!rentals.length) {
      const none = this.which === 'ready' ? t('nothing_ready') : t('waiting_none');
      return html`<p class="empty">${none}</p>`;
    }
    const showMore = () => {
      this.count += STEP;
      this.watch.lookNow();
    };
    return html`<ul class="entries" role="list">
        ${rentals.map((each) => this.#row(each))}
      </ul>
      ${this.isMore
        ? html`<button type="button" class="more" @click=${showMore}>${t('show_more')}</button>`
        : nothing}`;
  }

  /** @param {Rental} rental */
  #row(rental) {
    const isReady = this.which === 'ready';
    const when = Date.parse((isReady ? rental.reached_100_at : rental.collected_at) ?? '');
    const minutes = inMinutes(Math.max(0, Math.floor((Date.now() - when) / 60_000)));
    const booth = this.app.booths.find(({ id }) => id === rental.booth)?.name;
    const place = [this.booth === null && booth, rental.location, !isReady && rental.widget];
    const since = [t('ready_for', { minutes }), ...place].filter(Boolean).join(' · ');
    const mayCollect = this.app.me !== null && mayAs(this.app.me.role, 'attendant');
    const word = isReady ? t('screen_collect') : t('waiting_take_back');
    const kind = isReady ? 'ready' : 'problem';
    return html`<li class="entry ${kind}" data-charger=${rental.charger}>
      <svg aria-hidden="true"><use href="#shape-${kind}"></use></svg>
      <p><b>${chargerOf(rental)}</b> <span class="ticket">${rental.ticket ?? ''}</span></p>
      <p class="quiet">${since}</p>
      ${mayCollect ? collectLink(rental.short_id, this.booth, word) : nothing}
    </li>`;
  }
}
