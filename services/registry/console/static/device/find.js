// Finds a device, a label or a ticket.
import { html, nothing } from '../vendor/lit-html/lit-html.js';
import { addressOf } from '../address.js';
import { saidOf } from '../errors.js';
import { ask, HubError } from '../hub.js';
import { moment, t } from '../texts.js';

export class FindPage {
  /**
   * @param {import('../address.js').Place} place its id: what to look for
   * @param {import('../app.js').App} app
   */
  constructor({ id, booth }, app) {
    this.app = app;
    this.text = id ?? '';
    this.booth = booth;
    /** What was found; null: nothing was looked for yet. */
    this.found = null;
    this.message = '';
    this.isStopped = false;
  }

  start() {
    if (this.text) void this.#look();
    this.app.update();
    // After the field is there. One who comes back to what was found has no keyboard over it.
    if (!this.text) requestAnimationFrame(() => document.querySelector('input')?.focus());
  }

  stop() {
    this.isStopped = true;
  }

  async #look() {
    const query = new URLSearchParams({ q: this.text });
    if (this.booth !== null) query.set('booth', this.booth);
    this.message = t('find_busy');
    this.app.update();
    try {
      this.found = await ask('GET', `find?${query}`);
      this.message = '';
    } catch (error) {
      this.message = saidOf(error, { 500: 'hub_cannot' });
      const { status } = /** @type {HubError} */ (error);
      if (status === 401 && !this.isStopped) this.app.onSessionEnd();
    }
    this.app.update();
  }

  #onSubmit = (event) => {
    event.preventDefault();
    const text = String(new FormData(event.target).get('text')).trim();
    if (!text) return;
    if (text === this.text) void this.#look();
    else location.hash = addressOf('find', { id: text, booth: this.booth });
  };

  view() {
    return html`<main class="find">
      <h1>${t('screen_find')}</h1>
      <form class="row" role="search" @submit=${this.#onSubmit}>
        <label for="find-text">${t('find_what')}</label>
        <input
          id="find-text"
          name="text"
          type="search"
          enterkeyhint="search"
          autocomplete="off"
          autocapitalize="off"
          spellcheck="false"
          maxlength="1000"
          .value=${this.text}
        />
        <button type="submit">${t('screen_find')}</button>
      </form>
      <p role="status">${this.#said()}</p>
      ${this.found === null
        ? nothing
        : html`<ul role="list">
            ${this.found.items.map((each) => this.#thing(each))}
          </ul>`}
    </main>`;
  }

  #said() {
    if (this.message || this.found === null) return this.message;
    if (!this.found.items.length) return t('nothing_found', { text: this.text });
    return this.found.more ? t('more_found') : '';
  }

  #thing({ what, charger, widget, rental }) {
    const device = charger ?? widget;
    // Of a rental that is over, the charger may be another visitor's by now: its page says whose.
    const [kind, id] = device ? [what, device.id] : ['charger', rental.charger];
    const ticket = rental?.ticket ?? rental?.short_id;
    const name = device ? device.label || device.id : t('ticket_of', { ticket });
    const more = [
      ...(device ? [`${t(`explain_kind_${what}`)} ${id}`] : [rental.label || rental.charger]),
      ...(device && rental ? [t('ticket_of', { ticket })] : []),
      ...(rental ? [rentalState(rental)] : []),
    ];
    return html`<li>
      <a class="thing" href=${addressOf(kind, { id, booth: this.booth })}>
        <b>${name}</b><span>${more.join(' · ')}</span>
      </a>
    </li>`;
  }
}

function rentalState({ opened_at: opened, collected_at: collected, widget, widget_returned_at: back }) {
  if (collected === null) return t('device_rental_open', { from: moment(opened) });
  const said = t('find_collected', { time: moment(collected) });
  return widget !== null && back === null ? `${said} ${t('device_widget_missing')}` : said;
}
