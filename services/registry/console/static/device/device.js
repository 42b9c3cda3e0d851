// What is known of one device, asked for again and again. No page.
import { ask, HubError } from '../hub.js';
import { PATIENT_MS } from '../watch.js';

/**
 * As /openapi.json has them.
 * @typedef {'charger' | 'widget'} Kind
 * @typedef {{id: string, label: string, location: string, booth: string | null}} Registered
 * @typedef {{
 *   online: boolean, widget: string | null, status: {status: string} | null,
 *   reading: {soc: number} | null,
 * }} ChargerState
 * @typedef {{online: boolean, charger: string | null, status: {status: string} | null}} WidgetState
 * @typedef {{
 *   id: string, short_id: string, charger: string, widget: string | null, ticket: string | null,
 *   opened_at: string, reached_100_at: string | null, collected_at: string | null,
 *   widget_returned_at: string | null,
 * }} Rental
 */

const RENTALS = 5;
const REDIS_AWAY = ['redis_away', 'directory_absent'];

export class Device {
  /**
   * @param {Kind} kind
   * @param {string} id
   */
  constructor(kind, id) {
    this.kind = kind;
    this.id = id;
    /** Of the charger, or of that of the widget; null: there is none. @type {ChargerState | null} */
    this.charger = null;
    /** Of the widget, if the page is a widget's. @type {WidgetState | null} */
    this.widget = null;
    /** When these two were last known; null: never. @type {number | null} */
    this.liveAt = null;
    /** @type {import('./explained.js').Explanation | null} */
    this.explanation = null;
    /** Whether no device can have this id, or none that one may see. */
    this.isNowhere = false;
    /** null: it is not registered, or that is not known. @type {Registered | null} */
    this.registered = null;
    /** The newest first. @type {Rental[]} */
    this.rentals = [];
    /** When these two were last known; null: never. @type {number | null} */
    this.recordsAt = null;
    this.isPostgresAway = false;
    /** Of the charger, where there are others; by their ids. @type {Registered[]} */
    this.connectors = [];
    /** Whose chart is shown; null: of the newest. @type {string | null} */
    this.chosen = null;
    /** Of the rental that is shown. @type {import('./chart.js').History | null} */
    this.history = null;
    this.historyOf = '';
  }

  /** The one that is in progress: its phone is in a charger. */
  get open() {
    return this.rentals.find(({ collected_at }) => collected_at === null) ?? null;
  }

  /** The one whose chart is shown. */
  get shown() {
    return this.rentals.find(({ id }) => id === this.chosen) ?? this.rentals[0] ?? null;
  }

  /** How it is now; null: it is not registered, or not in effect. */
  get state() {
    return this.kind === 'charger' ? this.charger : this.widget;
  }

  get isRegistered() {
    return this.state !== null || this.registered !== null;
  }

  /** The other one of its pair; null: it has none. */
  get partner() {
    return (this.kind === 'charger' ? this.charger?.widget : this.widget?.charger) ?? null;
  }

  /** In percent; null: none was said in this pairing. The last visitor's is not this one's. */
  get level() {
    const { charger } = this;
    if (charger === null || (charger.widget !== null && charger.status === null)) return null;
    return charger.reading?.soc ?? null;
  }

  /** Whether the hub says that Redis, which has all lights, is away. */
  get isRedisAway() {
    return REDIS_AWAY.includes(this.explanation?.code ?? '');
  }

  get path() {
    return pathOf(this.kind, this.id);
  }

  /** Ask for what Redis alone knows. */
  async lookLive() {
    const widget = this.kind === 'widget' ? await liveState(this.path) : null;
    const id = this.kind === 'charger' ? this.id : widget?.charger;
    const charger = id ? await liveState(pathOf('charger', id)) : null;
    // Both at once: a light does not stand beside the level of the charger before.
    this.widget = widget;
    this.charger = charger;
    this.liveAt = Date.now();
  }

  /** Ask for the rest. */
  async lookRecords() {
    const of = `${this.kind}=${encodeURIComponent(this.id)}`;
    const [explanation, registered, rentals] = await Promise.all([
      unlessAway(ask('GET', `${this.path}/explanation`)),
      unlessAway(ask('GET', this.path)),
      unlessAway(ask('GET', `rentals?${of}&limit=${RENTALS}`)),
    ]);
    const answers = [explanation, registered, rentals];
    if (answers.every((each) => each === undefined)) throw new HubError(0, '');
    this.isNowhere = explanation === null;
    this.explanation = explanation ?? null;
    this.isPostgresAway = registered === undefined || rentals === undefined;
    if (this.isPostgresAway) return;
    this.registered = registered;
    this.rentals = rentals?.items ?? [];
    this.recordsAt = Date.now();
    await this.#lookAtHistory();
  }

  /** Ask for the connectors of the charger. They seldom change. */
  async lookAtConnectors() {
    if (this.kind !== 'charger') return;
    const [charger] = this.id.split(':');
    const found = await ask('GET', `chargers?q=${encodeURIComponent(`${charger}:`)}&limit=100`);
    const others = found.items.filter(({ id }) => id.startsWith(`${charger}:`));
    const first = { id: charger, label: '', location: '', booth: null };
    this.connectors = others.length ? [first, ...others.sort(byNumber)] : [];
  }

  async #lookAtHistory() {
    const { shown } = this;
    if (shown === null) {
      this.history = null;
      return;
    }
    // What is over stays as it is.
    if (shown.id === this.historyOf && shown.collected_at !== null && this.history) return;
    if (shown.id !== this.historyOf) this.history = null;
    this.historyOf = shown.id;
    const found = await unlessAway(ask('GET', `rentals/${shown.id}/history`));
    if (found) this.history = found;
  }
}

/**
 * @param {Kind} kind
 * @param {string} id
 */
function pathOf(kind, id) {
  return `${kind}s/${encodeURIComponent(id)}`;
}

/** Return a state; null: it is not registered. */
async function liveState(path) {
  try {
    return await ask('GET', `${path}/state`, { timeoutMs: PATIENT_MS });
  } catch (error) {
    if (error instanceof HubError && error.status === 404) return null;
    throw error;
  }
}

/** Return an answer; null: there is no such thing; undefined: what knows it is away. */
async function unlessAway(answer) {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof HubError)) throw error;
    if (error.status === 404) return null;
    if (error.isUnsure) return undefined;
    throw error;
  }
}

function byNumber(a, b) {
  return Number(a.id.split(':')[1]) - Number(b.id.split(':')[1]);
}
