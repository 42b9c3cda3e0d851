// The console: which page is shown, and what all pages have in common.
import { html, nothing, render } from './vendor/lit-html/lit-html.js';
import { allBooths, BoothsPage, wallAddress } from './booths.js';
import { HubError } from './hub.js';
import { recall, remember } from './memory.js';
import { applyAppearance, menuView, openMenu } from './menu.js';
import { forgetSession, signOut, whoIsHere } from './session.js';
import { messageOf, SignInPage } from './sign_in.js';
import { loadTexts, t } from './texts.js';
import { WallPage } from './wall/page.js';

const AGAIN_MS = 2000;
const CODE = /^#code=([\w-]+)$/;

const app = {
  /** @type {import('./session.js').Oneself | null} */
  me: null,
  /** @type {import('./booths.js').Booth[]} */
  booths: [],
  /** @type {{start?: () => void, stop?: () => void, view: () => unknown} | null} */
  page: null,
  /** Why there is no page yet. */
  message: '',
  update,
  onSignedIn,
  onSessionEnd,
};

let isDue = false;

/** Show what is, with the next frame. */
function update() {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    render(view(), /** @type {HTMLElement} */ (document.getElementById('page')));
  });
}

function view() {
  if (app.page === null) {
    return html`<main class="message"><p role="alert">${app.message}</p></main>`;
  }
  return html`${app.me === null ? nothing : header(app.me)}${app.page.view()}`;
}

function header(me) {
  const name = app.booths.find(({ id }) => id === me.booth)?.name ?? me.booth ?? '';
  const isOpen = me.name === 'anonymous';
  return html`<header>
      ${me.booth === null ? boothPicker() : html`<p class="own-booth">${name}</p>`}
      <button type="button" class="menu" @click=${openMenu}>${t('menu')}</button>
    </header>
    ${menuView({ me, isOpen, booth: name, update, onSignOut })}`;
}

function boothPicker() {
  const shown = placeIn(location.hash);
  const go = (event) => (location.hash = event.target.value);
  const option = (address, name) =>
    html`<option value=${address} .selected=${address === shown.address}>${name}</option>`;
  return html`<select aria-label=${t('booth')} @change=${go}>
    ${option('#/booths', t('booths'))} ${option(wallAddress(null), t('all_booths'))}
    ${app.booths.map(({ id, name }) => option(wallAddress(id), name))}
    ${app.booths.length || shown.booth === '' ? option(wallAddress(''), t('no_booth')) : nothing}
    ${shown.booth && !app.booths.some(({ id }) => id === shown.booth)
      ? option(shown.address, shown.booth)
      : nothing}
  </select>`;
}

/**
 * Return what an address of the console leads to.
 * @param {string} hash
 */
function placeIn(hash) {
  const [path, query] = hash.split('?');
  if (path === '#/booths') return { address: path, booth: null };
  const booth = new URLSearchParams(query).get('booth');
  return { address: wallAddress(booth), booth };
}

function show(page) {
  app.page?.stop?.();
  app.page = page;
  page.start?.();
  update();
}

function onPlace() {
  if (CODE.test(location.hash)) location.reload(); // a link that was opened in this tab
  if (app.me === null) return;
  // A key for one booth sees that one, whatever the address says.
  const { address, booth } = placeIn(app.me.booth === null ? location.hash : '#/wall');
  remember('place', address);
  scrollTo(0, 0);
  show(address === '#/booths' ? new BoothsPage(app) : new WallPage(booth, app));
}

function onSignedIn(me) {
  app.me = me;
  void knowBooths();
  if (!location.hash.startsWith('#/')) {
    history.replaceState(null, '', recall('place') ?? '#/wall');
  }
  onPlace();
}

async function knowBooths() {
  try {
    app.booths = await allBooths();
  } catch (error) {
    if (!(error instanceof HubError)) throw error; // the wall shows ids in place of names
  }
  update();
}

function onSessionEnd() {
  forgetSession();
  leave(t('session_ended'));
}

async function onSignOut() {
  let message = '';
  try {
    await signOut();
  } catch (error) {
    message = messageOf(error, ''); // the session goes on
  }
  leave(message);
}

function leave(message) {
  app.me = null;
  app.booths = [];
  show(new SignInPage(message, app));
}

/** Take a code out of the address, so that it stays in no history. */
function takeCode() {
  const code = CODE.exec(location.hash)?.[1];
  if (code) history.replaceState(null, '', location.pathname);
  return code;
}

async function begin() {
  applyAppearance();
  await loadTexts();
  document.title = t('title');
  addEventListener('hashchange', onPlace);
  const code = takeCode();
  if (code) {
    const page = new SignInPage('', app);
    show(page);
    await page.present(code, t('code_wrong'));
    return;
  }
  for (;;) {
    try {
      const me = await whoIsHere();
      if (me) onSignedIn(me);
      else leave('');
      return;
    } catch (error) {
      app.message = messageOf(error, '');
      update();
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }
}

void begin();
