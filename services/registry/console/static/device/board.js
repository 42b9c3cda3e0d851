// The ready board: the tickets that are ready, for a screen that visitors see.
import { html, nothing } from '../vendor/lit-html/lit-html.js';
import { addressOf } from '../address.js';
import { lossOf } from '../errors.js';
import { ask } from '../hub.js';
import { clockTime, t } from '../texts.js';
import { PATIENT_MS, watchFor, watchWhileSeen } from '../watch.js';
import { arrange, pageAt } from './board_model.js';

/** As in device.css, in px. */
const AROUND = { width: 32, height: 160 };

export class BoardPage {
  /** No header: all of the screen is the board's. */
  isBare = true;

  /**
   * @param {string | null} booth
   * @param {import('../app.js').App} app
   */
  constructor(booth, app) {
    this.app = app;
    this.booth = booth;
    /** @type {{ready: {ticket: string, since: string}[], more: boolean} | null} */
    this.board = null;
    this.watch = watchFor(app, () => this.#look());
    this.end = () => {};
  }

  start() {
    const endWatch = watchWhileSeen([this.watch], this.app.update);
    const listening = new AbortController();
    const { signal } = listening;
    addEventListener('resize', this.app.update, { signal });
    document.addEventListener('fullscreenchange', this.app.update, { signal });
    document.addEventListener('visibilitychange', () => void stayLit(signal), { signal });
    void stayLit(signal);
    this.end = () => {
      endWatch();
      listening.abort();
    };
  }

  stop() {
    this.end();
  }

  async #look() {
    const query = this.booth === null ? '' : `?${new URLSearchParams({ booth: this.booth })}`;
    this.board = await ask('GET', `board${query}`, { timeoutMs: PATIENT_MS });
  }

  view() {
    const { board, booth, watch } = this;
    const name = this.app.booths.find(({ id }) => id === (booth ?? this.app.me?.booth))?.name;
    return html`<main class="board ${watch.isCurrent ? '' : 'not-current'}">
      <h1>
        <svg aria-hidden="true"><use href="#shape-ready"></use></svg>
        ${t('board_ready')} ${name ? html`<span>${name}</span>` : nothing}
      </h1>
      <p class="contact is-lost" role="status">${this.#said()}</p>
      ${board === null ? nothing : this.#tickets(board)}
      <p class="row">
        <a class="button" href=${addressOf('wall', { booth })}>${t('screen_wall')}</a>
        ${document.fullscreenEnabled && document.fullscreenElement === null
          ? html`<button type="button" @click=${fillScreen}>${t('board_full_screen')}</button>`
          : nothing}
      </p>
    </main>`;
  }

  /** Visitors read it: an old number must not look as if it were called now. */
  #said() {
    const { error, heardAt, isCurrent } = this.watch;
    if (isCurrent) return '';
    if (error?.status === 404) return t('booth_refused');
    if (heardAt !== null) return t('board_not_current', { time: clockTime(heardAt) });
    return lossOf(error);
  }

  #tickets({ ready, more }) {
    if (!ready.length) return html`<p class="none">${t('board_nothing')}</p>`;
    const longest = Math.max(...ready.map(({ ticket }) => [...ticket].length));
    const room = { width: innerWidth - AROUND.width, height: innerHeight - AROUND.height };
    const { columns, size, each } = arrange({ ...room, count: ready.length, longest });
    const { page, pages } = pageAt(Date.now(), ready.length, each);
    const shown = ready.slice(page * each, (page + 1) * each);
    const style = `font-size:${size}px;grid-template-columns:repeat(${columns},minmax(0,1fr))`;
    return html`<ul role="list" .style=${style}>
        ${shown.map(({ ticket }) => html`<li>${ticket}</li>`)}
      </ul>
      ${pages > 1 ? html`<p class="pages">${page + 1} / ${pages} ${more ? t('board_more') : nothing}</p>` : nothing}`;
  }
}

function fillScreen() {
  void document.documentElement.requestFullscreen();
}

/**
 * Keep the screen lit until a signal: one that goes dark calls nobody. Browsers do it only over TLS.
 * @param {AbortSignal} signal
 */
async function stayLit(signal) {
  if (document.hidden) return;
  const lock = await navigator.wakeLock?.request('screen').catch(() => null);
  const release = () => void lock?.release();
  if (signal.aborted) release();
  else signal.addEventListener('abort', release);
}
