// Who one is, what one may do, and how the console looks.
import { html, nothing } from './vendor/lit-html/lit-html.js';
import { recall, remember } from './memory.js';
import { chooseLanguage, currentLanguage, LANGUAGES, t } from './texts.js';

const APPEARANCES = ['auto', 'light', 'dark'];

/** What went wrong in the menu; empty: nothing. */
let trouble = '';

/** Look as was chosen here. */
export function applyAppearance() {
  const chosen = recall('appearance') ?? 'auto';
  document.documentElement.dataset.appearance = chosen;
}

export function openMenu() {
  /** @type {HTMLDialogElement} */ (document.querySelector('dialog.menu')).showModal();
}

function closeMenu() {
  /** @type {HTMLDialogElement} */ (document.querySelector('dialog.menu')).close();
}

/**
 * @param {{
 *   me: import('./session.js').Oneself, isOpen: boolean, booth: string,
 *   screens: {address: string, text: string}[],
 *   update: () => void, onSignOut: () => Promise<string>,
 * }} app isOpen: whether the hub asks for no key; booth: the name of the only one; empty: all
 */
export function menuView({ me, isOpen, booth, screens, update, onSignOut }) {
  const onLanguage = async (event) => {
    trouble = '';
    try {
      await chooseLanguage(event.target.value);
    } catch {
      trouble = t('hub_silent');
      event.target.value = currentLanguage();
    }
    update();
  };
  const signOut = async () => {
    trouble = await onSignOut();
    update();
  };
  const onAppearance = (event) => {
    remember('appearance', event.target.value);
    applyAppearance();
  };
  const forget = () => {
    trouble = '';
    update();
  };
  return html`<dialog class="menu" aria-label=${t('menu')} @close=${forget}>
    ${isOpen ? html`<p>${t('open_hub')}</p>` : whoView(me, booth)}
    ${screens.map(({ address, text }) => html`<a href=${address} @click=${closeMenu}>${text}</a>`)}
    <label>
      ${t('language')}
      <select @change=${onLanguage}>
        ${Object.entries(LANGUAGES).map(
          ([tag, name]) =>
            html`<option value=${tag} lang=${tag} .selected=${tag === currentLanguage()}>
              ${name}
            </option>`,
        )}
      </select>
    </label>
    <label>
      ${t('appearance')}
      <select @change=${onAppearance}>
        ${APPEARANCES.map(
          (each) =>
            html`<option value=${each} .selected=${each === (recall('appearance') ?? 'auto')}>
              ${t(`appearance_${each}`)}
            </option>`,
        )}
      </select>
    </label>
    ${isOpen
      ? nothing
      : html`<button type="button" class="sign-out" @click=${signOut}>${t('sign_out')}</button>`}
    <p role="alert">${trouble}</p>
    <button type="button" @click=${closeMenu}>${t('close')}</button>
  </dialog>`;
}

function whoView(me, booth) {
  return html`<p><b>${t('you_are', { name: me.name, role: t(`role_${me.role}`) })}</b></p>
    <p>${t(`may_${me.role}`)} ${booth ? t('only_booth', { booth }) : nothing}</p>`;
}
