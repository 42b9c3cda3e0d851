// The wall: every charger of a booth, live.
import { html, nothing } from '../vendor/lit-html/lit-html.js';
import { Contact } from '../feed/contact.js';
import { Tiles } from '../feed/tiles.js';
import { get } from '../hub.js';
import { clockTime, t } from '../texts.js';
import { wait } from '../wait.js';
import { WallModel } from './model.js';
import { tileView } from './tile.js';
import { inSight } from './window.js';

const TICK_MS = 1000;
/** A registry that knows us not yet tells everything again, in pieces: they are shown together. */
const REFILL_MS = 300;

/** As in wall.css, in rem. */
const TILE = { least: 10, height: 8.5, gap: 0.5, margin: 0.75 };

/** @typedef {import('./model.js').Filter} Filter */

export class WallPage {
  /**
   * @param {string | null} booth
   * @param {{update: () => void, onSessionEnd: () => void}} app
   */
  constructor(booth, app) {
    this.app = app;
    this.booth = booth;
    this.tiles = new Tiles();
    this.model = new WallModel(this.tiles);
    /** @type {Filter} */
    this.filter = 'all';
    this.refilledAt = 0;
    this.resets = 0;
    const outside = { get, now: Date.now, wait, random: Math.random };
    this.contact = new Contact(this.tiles, booth, outside, () => this.#onChange());
    this.listeners = new AbortController();
  }

  start() {
    const { signal } = this.listeners;
    const { contact } = this;
    document.addEventListener(
      'visibilitychange',
      () => (document.hidden ? contact.pause() : contact.resume()),
      { signal },
    );
    addEventListener('offline', () => contact.cutOff(), { signal });
    addEventListener('online', () => contact.tryNow(), { signal });
    addEventListener('scroll', this.app.update, { signal, passive: true });
    addEventListener('resize', this.app.update, { signal });
    this.ticking = setInterval(this.app.update, TICK_MS);
    if (document.hidden) contact.pause();
    void contact.run();
  }

  stop() {
    this.contact.stop();
    this.listeners.abort();
    clearInterval(this.ticking);
  }

  #onChange() {
    if (this.contact.refused === 401) this.app.onSessionEnd();
    if (this.tiles.resets !== this.resets) {
      this.resets = this.tiles.resets;
      this.refilledAt = Date.now() + (this.resets > 1 ? REFILL_MS : 0);
    }
    this.app.update();
  }

  view() {
    if (Date.now() >= this.refilledAt) this.model.update();
    if (this.contact.refused !== null) {
      return html`<main class="message"><p role="alert">${t('booth_refused')}</p></main>`;
    }
    const list = this.model.list(this.filter);
    return html`${this.#topLine()}
      <main class=${this.isCurrent ? '' : 'not-current'}>
        <h1 class="visually-hidden">${t('chargers')}</h1>
        ${list.length ? this.#list(list) : this.#empty()}
      </main>`;
  }

  /** Whether the lights that are shown are those of now. */
  get isCurrent() {
    return this.contact.state === 'live' && this.tiles.hub.redis_away_since === null;
  }

  #topLine() {
    const { counts, shown } = this.model;
    const word = (name) => html`<li class="count ${name}">
      <svg aria-hidden="true"><use href="#shape-${name}"></use></svg>${counts[name]} ${t(name)}
    </li>`;
    return html`<section class="top-line" aria-label=${t('chargers')}>
      <p class="contact ${this.isCurrent ? 'is-live' : 'is-lost'}" role="status">${this.#said()}</p>
      <ul class="counts ${this.isCurrent ? '' : 'not-current'}" role="list">
        ${['charging', 'soon', 'offline'].map(word)}
      </ul>
      <div class="filters" role="group" aria-label=${t('show')}>
        ${this.#filter('all', t('all'), shown.size)}
        ${this.#filter('ready', t('ready'), counts.ready)}
        ${this.#filter('problems', t('problems'), counts.problems)}
      </div>
    </section>`;
  }

  #said() {
    const { contact } = this;
    const { redis_away_since: redis, postgres_away_since: postgres } = this.tiles.hub;
    if (contact.state === 'connecting') return t('connecting');
    if (contact.state === 'lost') {
      if (contact.isTroubled) return t('hub_cannot_tell');
      if (contact.heardAt === null) return t('no_contact');
      return t('no_contact_since', { time: clockTime(contact.heardAt) });
    }
    if (redis !== null) return t('redis_away_since', { time: clockTime(redis) });
    if (postgres !== null) return t('postgres_away_since', { time: clockTime(postgres) });
    return t('live');
  }

  #filter(name, word, count) {
    const choose = () => {
      this.filter = name;
      scrollTo(0, 0);
      this.app.update();
    };
    return html`<button
      type="button"
      class="filter ${name}"
      aria-pressed=${this.filter === name}
      @click=${choose}
    >
      ${word} <b>${count}</b>
    </button>`;
  }

  #empty() {
    if (this.contact.heardAt === null) return nothing;
    const texts = { all: 'no_chargers', ready: 'nothing_ready', problems: 'no_problems' };
    return html`<p class="empty">${t(texts[this.filter])}</p>`;
  }

  #list(list) {
    const { columns, ...place } = measure();
    const sight = inSight({ count: list.length, columns, ...place });
    const style =
      `height:${sight.height}px;padding-block-start:${sight.offset}px;` +
      `grid-template-columns:repeat(${columns},minmax(0,1fr))`;
    const shown = {
      now: Date.now() + this.contact.ahead,
      isCurrent: this.isCurrent,
      count: list.length,
      booth: this.booth,
    };
    keepFocus();
    const views = list
      .slice(sight.first, sight.end)
      .map((tile, index) => tileView(tile, { ...shown, position: sight.first + index + 1 }));
    return html`<ul class="tiles" role="list" .style=${style}>${views}</ul>`;
  }
}

/** The page's nodes show other tiles when it scrolls: after that, the focus is where it was. */
function keepFocus() {
  const charger = document.activeElement?.closest('.tile')?.getAttribute('data-charger');
  if (!charger) return;
  queueMicrotask(() => {
    const tile = document.querySelector(`.tile[data-charger="${CSS.escape(charger)}"] a`);
    /** @type {HTMLElement | null} */ (tile)?.focus({ preventScroll: true });
  });
}

/** Where the list is in the browser's window, and how many columns there is room for. */
function measure() {
  const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
  const list = document.querySelector('.tiles');
  const { width, top } = list
    ? list.getBoundingClientRect()
    : { width: document.documentElement.clientWidth - 2 * TILE.margin * rem, top: 0 };
  return {
    columns: Math.max(1, Math.floor((width / rem + TILE.gap) / (TILE.least + TILE.gap))),
    rowHeight: (TILE.height + TILE.gap) * rem,
    above: Math.max(0, -top),
    height: innerHeight,
  };
}
