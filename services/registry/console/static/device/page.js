// A charger's or a widget's page: how it is, why, and what one may do about it.
import { html, nothing } from '../vendor/lit-html/lit-html.js';
import { addressOf } from '../address.js';
import { lossOf } from '../errors.js';
import { mayAs } from '../session.js';
import { clockTime, hasText, inMinutes, minuteRange, moment, percent, t } from '../texts.js';
import { kindOf, lightOf } from '../wall/model.js';
import { RECORDS, watchFor, watchWhileSeen } from '../watch.js';
import { Changes } from './changes.js';
import { Device } from './device.js';
import { aboutOf, findingOf, remedyOf, verdictOf } from './explained.js';
import { historyView } from './history.js';

const MARKS = { right: '✓', wrong: '✗', unknown: '?', note: '·' };

export class DevicePage {
  /**
   * @param {import('./device.js').Kind} kind
   * @param {import('../address.js').Place} place
   * @param {import('../app.js').App} app
   */
  constructor(kind, place, app) {
    this.app = app;
    this.booth = place.booth;
    this.device = new Device(kind, place.id ?? '');
    this.live = watchFor(app, () => this.device.lookLive());
    this.records = watchFor(app, () => this.device.lookRecords(), RECORDS);
    this.changes = new Changes(this.device, app, () => this.#onChanged());
    this.end = () => {};
  }

  start() {
    this.end = watchWhileSeen([this.live, this.records], this.app.update);
    this.#lookAtConnectors();
  }

  stop() {
    this.end();
    this.changes.stop();
  }

  #onChanged() {
    this.live.lookNow();
    this.records.lookNow();
    this.#lookAtConnectors();
  }

  #lookAtConnectors() {
    // Without them the page is there all the same.
    this.device.lookAtConnectors().then(this.app.update, () => {});
  }

  /** Whether the light that is shown is that of now. */
  get isCurrent() {
    return this.live.isCurrent;
  }

  view() {
    const { device, live, records } = this;
    if (device.isNowhere) {
      const text = t('device_nowhere', { kind: t(`explain_kind_${device.kind}`), id: device.id });
      return html`<main class="message"><p role="alert">${text}</p></main>`;
    }
    return html`<main class="device ${this.isCurrent ? '' : 'not-current'}">
      <p class="contact ${this.isCurrent ? 'is-live' : 'is-lost'}" role="status">${this.#said()}</p>
      <h1>${device.registered?.label || device.id}</h1>
      <p class="what">${this.#what()}</p>
      ${live.heardAt === null && records.heardAt === null ? nothing : this.#parts()}
    </main>`;
  }

  #said() {
    const { device, live } = this;
    if (!live.isCurrent) {
      const time = device.liveAt === null ? null : clockTime(device.liveAt);
      if (device.isRedisAway && time !== null) return t('redis_away_since', { time });
      if (time !== null && !live.error?.status) return t('no_contact_since', { time });
      return lossOf(live.error);
    }
    if (device.isPostgresAway) {
      const time = clockTime(device.recordsAt ?? Date.now());
      return t('postgres_away_since', { time });
    }
    return t('live');
  }

  #what() {
    const { kind, id, registered } = this.device;
    const booth = this.app.booths.find(({ id }) => id === registered?.booth)?.name;
    const name = t(`explain_kind_${kind}`);
    const where = [registered?.location, booth ?? registered?.booth].filter(Boolean);
    return [`${name} ${id}`, ...where].join(' · ');
  }

  #parts() {
    const { device } = this;
    const isKnown = device.isRegistered;
    return html`<div class="parts">
      <div>
        ${isKnown ? html`${this.#now()} ${this.#desk()}` : nothing} ${this.#why()}
      </div>
      <div>
        ${isKnown ? this.#pairing() : nothing}
        ${isKnown && device.recordsAt !== null ? historyView(device, this.#onChoice) : nothing}
      </div>
    </div>
    ${isKnown ? this.changes.view() : nothing}`;
  }

  #onChoice = (rental) => {
    this.device.chosen = rental;
    this.records.lookNow();
    this.app.update();
  };

  #now() {
    const { device } = this;
    const online = device.state?.online ?? false;
    const light = device.state?.status?.status ?? null;
    const tile = /** @type {import('../wall/model.js').Tile} */ ({ online, light });
    const kind = kindOf(tile);
    const word = t(kind);
    return html`<section class="tile now ${kind}" aria-label=${t('device_now')}>
      <p class="level">${device.level === null ? '–' : percent(device.level)}</p>
      <p class="word">
        <svg aria-hidden="true"><use href="#shape-${kind}"></use></svg>
        ${this.isCurrent ? word : t('last', { word })}
      </p>
      <p class="more">${online || light === null ? nothing : t('light', { word: t(lightOf(tile)) })}</p>
      <p class="more">${this.isCurrent ? this.#when(light) : nothing}</p>
    </section>`;
  }

  /** When the phone will be ready, or since when it is. */
  #when(light) {
    const { open, history, historyOf } = this.device;
    if (open === null) return nothing;
    if (light === 'charged') {
      if (open.reached_100_at === null) return nothing;
      const minutes = Math.trunc((Date.now() - Date.parse(open.reached_100_at)) / 60_000);
      return t('ready_for', { minutes: inMinutes(Math.max(0, minutes)) });
    }
    if (historyOf !== open.id || !history?.estimate) return nothing;
    const { to_80, to_100, unknown } = history.estimate;
    if (unknown !== null) {
      const name = `device_no_estimate_${unknown}`;
      return hasText(name, {}) ? t(name) : nothing; // a newer hub has reasons of its own
    }
    const range = ({ earliest_minutes, latest_minutes }) =>
      minuteRange(earliest_minutes, latest_minutes);
    return html`${to_80 ? html`${t('device_to_80', { minutes: range(to_80) })}<br />` : nothing}
    ${to_100 ? t('ready_in', { minutes: range(to_100) }) : nothing}`;
  }

  #why() {
    const { explanation } = this.device;
    // What was wrong some time ago is no answer.
    const isOld = !this.records.isCurrent || !(this.isCurrent || this.device.isRedisAway);
    if (explanation === null || isOld) return nothing;
    const remedy = remedyOf(explanation);
    return html`<section class="why" aria-label=${t('device_why')}>
      <p class="verdict ${remedy === null ? '' : 'is-wrong'}">${verdictOf(explanation)}</p>
      ${remedy === null ? nothing : html`<p>${remedy}</p>`} ${this.#otherKind(explanation)}
      <details>
        <summary>${t('device_findings')}</summary>
        <dl>
          ${explanation.findings.map(
            (each) => html`<div class=${each.mark}>
              <dt>
                <span aria-hidden="true">${MARKS[each.mark] ?? '·'}</span> ${aboutOf(each)}
                <span class="visually-hidden">${each.mark === 'wrong' ? t('device_wrong') : ''}</span>
              </dt>
              <dd>${findingOf(each)}</dd>
            </div>`,
          )}
        </dl>
      </details>
    </section>`;
  }

  /** An id that is that of a device of the other kind leads there. */
  #otherKind({ code, values }) {
    if (code !== 'other_kind') return nothing;
    return this.#link(values.other_kind, this.device.id);
  }

  #link(kind, id) {
    const address = addressOf(kind, { id, booth: this.booth });
    return html`<a class="button" href=${address}>${t(`explain_kind_${kind}`)} ${id}</a>`;
  }

  #desk() {
    const { app, device, booth } = this;
    if (app.me === null || !mayAs(app.me.role, 'attendant')) return nothing;
    const isMissing = device.kind === 'widget' && device.rentals[0]?.widget_returned_at === null;
    const isOut = device.open !== null || isMissing;
    const to = addressOf(isOut ? 'collect' : 'hand-over', { id: device.id, booth });
    return html`<a class="button main" href=${to}>${t(isOut ? 'screen_collect' : 'screen_hand_over')}</a>`;
  }

  #pairing() {
    const { kind, id, partner, connectors } = this.device;
    const other = kind === 'charger' ? 'widget' : 'charger';
    return html`<section aria-labelledby="device-pairing">
      <h2 id="device-pairing">${t('device_pairing')}</h2>
      <p>${partner === null ? t('device_no_pair') : this.#link(other, partner)}</p>
      ${connectors.length
        ? html`<h2>${t('device_connectors')}</h2>
            <p class="row">
              ${connectors.map((each) =>
                each.id === id
                  ? html`<b class="button" aria-current="page">${id}</b>`
                  : this.#link('charger', each.id),
              )}
            </p>`
        : nothing}
    </section>`;
  }
}
