// What the screens of the desk have in common to look at.
import { html, nothing } from '../vendor/lit-html/lit-html.js';
import { addressOf } from '../address.js';
import { saidOf } from '../errors.js';
import { clockTime, t } from '../texts.js';

/** Say what went wrong at the desk. @param {unknown} error */
export function whyNot(error) {
  return saidOf(error, { 0: 'desk_no_contact', 500: 'hub_cannot' });
}

/** @typedef {{id: string, label: string | null}} Named */

/** What people call it. @param {Named} device */
export function nameOf({ id, label }) {
  return label || id;
}

/**
 * The charger of a rental.
 * @param {import('./meaning.js').Rental} rental
 */
export function chargerOf({ charger, label }) {
  return nameOf({ id: charger, label });
}

/**
 * Which of several is meant.
 * @template Each
 * @param {{choices: Each[], text: string, more: boolean}} offer more: there are others
 * @param {(each: Each) => {name: string, more: (string | null)[], isOut?: boolean}} look isOut: it
 *   cannot be chosen
 * @param {(each: Each) => void} choose
 */
export function choicesView({ choices, text, more: isMore }, look, choose) {
  if (!choices.length) {
    return html`<p class="note" role="status">${t('nothing_found', { text })}</p>`;
  }
  const button = (each) => {
    const { name, more, isOut } = look(each);
    return html`<li>
      <button type="button" class="choice" ?disabled=${isOut} @click=${() => choose(each)}>
        <b>${name}</b> <span>${more.filter(Boolean).join(' · ')}</span>
      </button>
    </li>`;
  };
  return html`<ul class="choices" role="list">
      ${choices.map(button)}
    </ul>
    ${isMore ? html`<p>${t('more_found')}</p>` : nothing}`;
}

/**
 * A change that is under way.
 * @param {import('./errand.js').Errand<unknown>} errand
 * @param {{title: string, what: string, onStop: () => void}} texts
 */
export function errandView(errand, { title, what, onStop }) {
  const { change, failure, isOld } = errand;
  if (change === null) return nothing;
  if (isOld) {
    const send = () => void errand.run();
    return html`<section class="panel is-open">
      <h2>${title}</h2>
      <p>${what}</p>
      <p role="alert">${t('desk_old', { time: clockTime(change.at) })}</p>
      <button type="button" class="primary" @click=${send}>${t('desk_send_now')}</button>
      <button type="button" @click=${() => errand.drop()}>${t('desk_forget')}</button>
    </section>`;
  }
  return html`<section class="panel is-open">
    <h2>${failure ? title : t('desk_sending')}</h2>
    <p>${what}</p>
    ${failure
      ? html`<p role="alert">${whyNot(failure)} ${t('desk_repeating')}</p>
          <button type="button" @click=${onStop}>${t('desk_stop')}</button>`
      : nothing}
  </section>`;
}

/**
 * That something is done, large enough to be seen from the other side of the desk.
 * @param {{title: string, name: string, more: string[], notes?: string[], kind?: string}} done
 */
export function doneView({ title, name, more, notes = [], kind = 'ready' }) {
  return html`<section class="panel is-done ${kind}">
    <h2><svg aria-hidden="true"><use href="#shape-${kind}"></use></svg>${title}</h2>
    <p class="large">${name}</p>
    <p>${more.filter(Boolean).join(' · ')}</p>
    ${notes.filter(Boolean).map((each) => html`<p class="note">${each}</p>`)}
  </section>`;
}

/**
 * Take what was scanned before a screen was opened out of its address, so that opening it again
 * does not scan it again.
 * @param {import('../app.js').App} app
 */
export function takeScanned(app) {
  const { screen, id, booth } = app.place;
  if (id === null) return null;
  app.place = { screen, id: null, booth };
  history.replaceState(null, '', addressOf(screen, { booth }));
  return id;
}

/**
 * @param {string} id of a device or a rental
 * @param {string | null} booth
 * @param {string} text
 */
export function collectLink(id, booth, text) {
  return html`<a class="button" href=${addressOf('collect', { id, booth })}>${text}</a>`;
}
