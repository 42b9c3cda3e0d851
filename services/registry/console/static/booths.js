// All booths at a glance.
import { html } from './vendor/lit-html/lit-html.js';
import { addressOf } from './address.js';
import { ask, HubError } from './hub.js';
import { t } from './texts.js';

const AGAIN_MS = 5000;

/** @typedef {{id: string, name: string, chargers: number, widgets: number, online: number | null,
 *   charging: number | null, ready: number | null}} Booth */

/** @returns {Promise<Booth[]>} */
export async function allBooths() {
  const found = [];
  let cursor = '';
  do {
    const page = await ask('GET', `booths?limit=1000${cursor}`);
    found.push(...page.items);
    cursor = page.next === null ? '' : `&cursor=${encodeURIComponent(page.next)}`;
  } while (cursor);
  return found.sort((a, b) => a.name.localeCompare(b.name));
}

export class BoothsPage {
  /**
   * @param {{booths: Booth[], update: () => void, onSessionEnd: () => void}} app
   */
  constructor(app) {
    this.app = app;
    this.message = '';
    this.isStopped = false;
  }

  start() {
    void this.#keepLooking();
  }

  stop() {
    this.isStopped = true;
  }

  async #keepLooking() {
    while (!this.isStopped) {
      if (!document.hidden) await this.#look();
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }

  async #look() {
    try {
      this.app.booths = await allBooths();
      this.message = '';
    } catch (error) {
      if (!(error instanceof HubError)) throw error;
      if (error.status === 401 && !this.isStopped) this.app.onSessionEnd();
      this.message = error.status === 0 ? t('no_contact') : t('hub_cannot_tell');
    }
    this.app.update();
  }

  view() {
    const { booths } = this.app;
    return html`<main class="booths">
      <h1>${t('booths')}</h1>
      <p class="contact is-lost" role="status">${this.message}</p>
      ${booths.length ? '' : html`<p>${t('no_booths')}</p>`}
      <ul role="list" class=${this.message ? 'not-current' : ''}>
        <li><a class="booth" href=${addressOf('wall')}><b>${t('all_booths')}</b></a></li>
        ${booths.map((each) => this.#booth(each))}
      </ul>
    </main>`;
  }

  #booth({ id, name, chargers, online, charging, ready }) {
    const said = online === null || this.message !== '';
    return html`<li>
      <a class="booth" href=${addressOf('wall', { booth: id })}>
        <b>${name}</b>
        ${said ? html`<span>${t('not_known')}</span>` : this.#counts(chargers, online, charging, ready)}
      </a>
    </li>`;
  }

  #counts(chargers, online, charging, ready) {
    const count = (kind, number) => html`<span class="count ${kind}">
      <svg aria-hidden="true"><use href="#shape-${kind}"></use></svg>${number} ${t(kind)}
    </span>`;
    return html`<span>${t('online_of', { online, chargers })}</span>
      ${count('charging', charging)} ${count('ready', ready)}`;
  }
}
