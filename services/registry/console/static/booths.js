// All booths at a glance.
import { html, nothing } from './vendor/lit-html/lit-html.js';
import { addressOf } from './address.js';
import { lossOf } from './errors.js';
import { ask } from './hub.js';
import { t } from './texts.js';
import { LISTS, watchFor, watchWhileSeen } from './watch.js';

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

/**
 * What chooses a booth: a field of a form, or one that says at once what is chosen.
 * @param {Booth[]} booths
 * @param {string | null | undefined} chosen empty: what is in none; null: all; undefined: their list
 * @param {{
 *   list?: boolean, all?: boolean, none?: boolean,
 *   name?: string, onChoice?: (booth: string | null | undefined) => void,
 * }} of list, all, none: whether these can be chosen, too
 */
export function boothChooser(booths, chosen, { list, all, none, name, onChoice }) {
  const choices = [
    ...(list ? [{ id: undefined, name: t('booths') }] : []),
    ...(all ? [{ id: null, name: t('all_booths') }] : []),
    ...withChosen(booths, chosen),
    ...(none ? [{ id: '', name: t('no_booth') }] : []),
  ];
  const choose = (event) => onChoice?.(choices[event.target.selectedIndex].id);
  return html`<select name=${name ?? nothing} aria-label=${t('booth')} @change=${choose}>
    ${choices.map(
      (each) =>
        html`<option value=${each.id ?? ''} .selected=${each.id === chosen}>${each.name}</option>`,
    )}
  </select>`;
}

/**
 * Return the booths to choose from, always with the chosen one: without it, a browser would take
 * another one, and a newer booth than this list, or one of a list that never came, would be lost.
 * @param {Pick<Booth, 'id' | 'name'>[]} booths
 * @param {string | null | undefined} chosen
 */
export function withChosen(booths, chosen) {
  if (!chosen || booths.some(({ id }) => id === chosen)) return booths;
  return [...booths, { id: chosen, name: chosen }];
}

export class BoothsPage {
  /**
   * @param {{booths: Booth[], update: () => void, onSessionEnd: () => void}} app
   */
  constructor(app) {
    this.app = app;
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
    this.app.booths = await allBooths();
  }

  #said() {
    const { error, isCurrent } = this.watch;
    return isCurrent ? '' : lossOf(error);
  }

  view() {
    const { booths } = this.app;
    const { isCurrent } = this.watch;
    return html`<main class="booths">
      <h1>${t('booths')}</h1>
      <p class="contact is-lost" role="status">${this.#said()}</p>
      ${booths.length || !isCurrent ? '' : html`<p>${t('no_booths')}</p>`}
      <ul role="list" class=${isCurrent ? '' : 'not-current'}>
        <li><a class="booth" href=${addressOf('wall')}><b>${t('all_booths')}</b></a></li>
        ${booths.map((each) => this.#booth(each))}
      </ul>
    </main>`;
  }

  #booth({ id, name, chargers, online, charging, ready }) {
    const isUnknown = online === null || !this.watch.isCurrent;
    return html`<li>
      <a class="booth" href=${addressOf('wall', { booth: id })}>
        <b>${name}</b>
        ${isUnknown ? html`<span>${t('not_known')}</span>` : this.#counts(chargers, online, charging, ready)}
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
