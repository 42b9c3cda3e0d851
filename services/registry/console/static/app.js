// The console: which page is shown, and what all pages have in common.
import { html, nothing, render } from './vendor/lit-html/lit-html.js';
import { addressOf, placeIn } from './address.js';
import { allBooths, boothChooser } from './booths.js';
import { haltErrands, takeUpErrands } from './desk/errand.js';
import { saidOf } from './errors.js';
import { HubError } from './hub.js';
import { recall, remember } from './memory.js';
import { applyAppearance, menuView, openMenu } from './menu.js';
import { SCREENS } from './screens.js';
import { forgetSession, mayAs, signOut, whoIsHere } from './session.js';
import { SIGNING_IN, SignInPage } from './sign_in.js';
import { loadTexts, t } from './texts.js';
import { wait } from './wait.js';

const AGAIN_MS = 2000;
const CODE = /^#code=([\w-]+)$/;

/** @typedef {typeof app} App What pages may know and do. */

const app = {
  /** @type {import('./session.js').Oneself | null} */
  me: null,
  /** @type {import('./booths.js').Booth[]} */
  booths: [],
  /** @type {import('./address.js').Place} */
  place: { screen: 'wall', id: null, booth: null },
  /** @type {import('./screens.js').Page | null} */
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
  const isBare = app.me === null || app.page.isBare;
  return html`${isBare ? nothing : header(app.me)}${app.page.view()}`;
}

function header(me) {
  const name = app.booths.find(({ id }) => id === me.booth)?.name ?? me.booth ?? '';
  const isOpen = me.name === 'anonymous';
  const screens = leadingTo('menu', me);
  return html`<header>
      ${me.booth === null ? boothPicker() : html`<p class="own-booth">${name}</p>`}
      <button type="button" class="menu" @click=${openMenu}>${t('menu')}</button>
    </header>
    ${bar(leadingTo('bar', me))} ${menuView({ me, isOpen, booth: name, screens, update, onSignOut })}`;
}

/** The links to screens that one may see, each with the booth that is chosen. */
function leadingTo(where, me) {
  const { screen: shown, booth } = app.place;
  return Object.entries(SCREENS)
    .filter(([name, { where: place }]) => place === where && maySee(me, name))
    .map(([name]) => ({
      address: addressOf(name, { booth }),
      text: t(`screen_${name.replaceAll('-', '_')}`),
      isShown: name === shown,
    }));
}

/** A key for one booth has no screen of the whole hub. */
function maySee(me, name) {
  if (!Object.hasOwn(SCREENS, name)) return false;
  const { least, isOfHub } = SCREENS[name];
  return mayAs(me.role, least) && !(isOfHub && me.booth !== null);
}

function bar(links) {
  return html`<nav class="bar" aria-label=${t('screens')}>
    ${links.map(
      ({ address, text, isShown }) =>
        html`<a href=${address} aria-current=${isShown ? 'page' : nothing}>${text}</a>`,
    )}
  </nav>`;
}

function boothPicker() {
  const { screen, id, booth: shown } = app.place;
  // The same screen for another booth; from one device, or from what is of the whole hub, to the wall.
  const next = id === null && !SCREENS[screen].isOfHub ? screen : 'wall';
  const onChoice = (booth) => {
    location.hash = booth === undefined ? addressOf('booths') : addressOf(next, { booth });
  };
  const none = app.booths.length > 0 || shown === '';
  const chosen = screen === 'booths' ? undefined : shown;
  return boothChooser(app.booths, chosen, { list: true, all: true, none, onChoice });
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
  const place = placeFor(app.me);
  app.place = place;
  if (place.id === null) remember('place', addressOf(place.screen, place));
  scrollTo(0, 0);
  show(SCREENS[place.screen].open(place, app));
}

/**
 * Return where the address leads, or the wall, where there is no such screen for one's role.
 * @param {import('./session.js').Oneself} me
 */
function placeFor(me) {
  const place = placeIn(location.hash) ?? { screen: 'wall', id: null, booth: null };
  // A key for one booth sees that one, whatever the address says.
  const booth = me.booth === null ? place.booth : null;
  if (!maySee(me, place.screen)) return { screen: 'wall', id: null, booth };
  return { ...place, booth };
}

function onSignedIn(me) {
  takeUpErrands(me);
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
  if (app.me === null) return; // it was said already: a key may be being typed
  forgetSession();
  haltErrands();
  leave(t('session_ended'));
}

/** Return why it did not go well; empty: it did. Without the hub, the session goes on. */
async function onSignOut() {
  try {
    await signOut();
  } catch (error) {
    if (!(error instanceof HubError) || error.status !== 401) return saidOf(error, SIGNING_IN);
    onSessionEnd();
    return '';
  }
  leave('');
  return '';
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
  while (!(await areTextsHere())) await wait(AGAIN_MS);
  document.title = t('title');
  addEventListener('hashchange', onPlace);
  const code = takeCode();
  if (code) {
    const page = new SignInPage('', app);
    show(page);
    await page.present(code, 'code_wrong');
    return;
  }
  for (;;) {
    try {
      const me = await whoIsHere();
      if (me) onSignedIn(me);
      else leave('');
      return;
    } catch (error) {
      app.message = saidOf(error, SIGNING_IN);
      update();
      await wait(AGAIN_MS);
    }
  }
}

/** Without them, nothing can be said: not even that the hub does not answer. */
function areTextsHere() {
  return loadTexts().then(
    () => true,
    () => false,
  );
}

void begin();
