// What an operator may change of a device, each in a dialog.
import { html, nothing } from '../vendor/lit-html/lit-html.js';
import { boothChooser } from '../booths.js';
import { saidOf } from '../errors.js';
import { ask, askTagged, HubError } from '../hub.js';
import { mayAs } from '../session.js';
import { t } from '../texts.js';
import { Change } from './change.js';

/** @typedef {'edit' | 'pair' | 'unpair' | 'secret' | 'unregister'} Name */

/** What is on the button that sends it, where that is not what the dialog is called. */
const SENDS = { edit: 'save', secret: 'device_secret_do' };
const NEVER = () => false;
const TROUBLES = { 0: 'device_no_answer', 404: 'device_not_there', 412: 'device_changed_meanwhile' };
const REPLACEABLE = ['charger-is-paired', 'widget-is-paired', 'rental-is-open'];

export class Changes {
  /**
   * @param {import('./device.js').Device} device
   * @param {import('../app.js').App} app
   * @param {() => void} onChanged
   */
  constructor(device, app, onChanged) {
    this.device = device;
    this.app = app;
    this.onChanged = onChanged;
    /** The dialog that is open. @type {Name | null} */
    this.name = null;
    /** @type {Change} */
    this.change = new Change(async () => {}, NEVER);
    /** Made here, so that a lost answer does not lose it; shown once it is set. */
    this.secret = '';
    this.isSet = false;
    /** The other one to pair with, once it was said what is in its way. @type {string | null} */
    this.replaces = null;
    this.isStopped = false;
  }

  /** The page of the next device has the same dialog: it must not be open there. */
  stop() {
    this.isStopped = true;
    this.name = null;
    this.secret = '';
    close();
  }

  view() {
    const { app, device } = this;
    if (app.me === null || !mayAs(app.me.role, 'operator')) return nothing;
    const isPaired = device.partner !== null;
    // A connector has the connection of its charger.
    const hasSecret = !device.id.includes(':');
    const button = (name) => html`<button type="button" @click=${() => this.#open(name)}>
      ${t(`device_${name}`)}
    </button>`;
    return html`<section aria-labelledby="device-changes">
        <h2 id="device-changes">${t('device_changes')}</h2>
        <div class="row">
          ${button('edit')} ${button(isPaired ? 'unpair' : 'pair')}
          ${hasSecret ? button('secret') : nothing} ${button('unregister')}
        </div>
      </section>
      <dialog
        class="change"
        aria-labelledby="device-change"
        @cancel=${this.#onCancel}
        @close=${this.#onClose}
      >
        ${this.name === null ? nothing : this.#form(this.name)}
      </dialog>`;
  }

  #form(name) {
    const { change, device } = this;
    const content = {
      edit: () => this.#editFields(),
      pair: () => this.#pairFields(),
      unpair: () => this.#warning('device_unpair_means', device.partner),
      secret: () => this.#secretFields(),
      unregister: () => html`${this.#warning('device_unregister_means', device.id)}
        <label class="sure"><input type="checkbox" name="sure" required />${t('device_sure')}</label>`,
    }[name]();
    const isDone = name === 'secret' && this.isSet;
    const isReplace = name === 'pair' && this.replaces !== null;
    const label = isReplace ? 'device_pair_all_the_same' : (SENDS[name] ?? `device_${name}`);
    return html`<form @submit=${this.#onSubmit}>
      <h2 id="device-change">${t(`device_${name}`)}</h2>
      ${content}
      <p role="alert">${change.error === null ? nothing : this.#troubleOf(change.error)}</p>
      ${isDone
        ? nothing
        : html`<button type="submit" ?disabled=${change.isBusy}>
            ${change.isBusy ? t('one_moment') : t(label)}
          </button>`}
      <button type="button" ?disabled=${change.isBusy} @click=${close}>
        ${isDone ? t('close') : t('cancel')}
      </button>
    </form>`;
  }

  #editFields() {
    const { label = '', location = '', booth = null } = this.device.registered ?? {};
    const { me, booths } = this.app;
    return html`<label>
        ${t('device_label')}
        <input name="label" maxlength="200" autocomplete="off" .defaultValue=${label} />
      </label>
      <label>
        ${t('device_location')}
        <input name="location" maxlength="200" autocomplete="off" .defaultValue=${location} />
      </label>
      ${me?.booth === null
        ? html`<label>
            ${t('booth')} ${boothChooser(booths, booth ?? '', { none: true, name: 'booth' })}
          </label>`
        : nothing}`;
  }

  #pairFields() {
    const other = this.device.kind === 'charger' ? 'widget' : 'charger';
    return html`<label>
      ${t('device_pair_with', { kind: t(`explain_kind_${other}`) })}
      <input
        name="other"
        required
        autocomplete="off"
        autocapitalize="off"
        spellcheck="false"
        @input=${this.#onOther}
      />
    </label>`;
  }

  #secretFields() {
    if (!this.isSet) return html`<p>${t('device_secret_means')}</p>`;
    return html`<p role="status">${t('device_secret_once')}</p>
      <p class="secret"><code>${this.secret}</code></p>`;
  }

  #warning(text, id) {
    const isRented = this.device.open !== null;
    return html`<p>${t(text, { id: id ?? '' })}</p>
      ${isRented ? html`<p><b>${t('device_is_rented')}</b></p>` : nothing}`;
  }

  #open(name) {
    this.name = name;
    this.isSet = false;
    this.replaces = null;
    this.secret = name === 'secret' ? newSecret() : '';
    this.change = this.#changeOf(name);
    this.app.update();
    // After the dialog has its content.
    requestAnimationFrame(() => dialog()?.showModal());
  }

  /** Return how a change is made, and how to tell by a refusal that it was made before. */
  #changeOf(name) {
    const { device } = this;
    switch (name) {
      case 'edit':
        return new Change((form) => this.#edit(form), NEVER);
      case 'pair':
        return new Change((form) => this.#pair(form), NEVER);
      case 'unpair':
        return removal(device.kind === 'charger' ? pairingPath(device.id) : `${device.path}/pairing`);
      case 'secret':
        return new Change(() => this.#setSecret(), NEVER);
      default:
        return removal(device.path);
    }
  }

  #edit(form) {
    const before = this.device.registered;
    const body = {};
    for (const [name, text] of form) {
      if (text !== (before?.[name] ?? '')) body[name] = text;
    }
    // What others have changed meanwhile stays.
    return Object.keys(body).length ? ask('PATCH', this.device.path, { body }) : Promise.resolve();
  }

  #pair(form) {
    const { kind, id } = this.device;
    const other = String(form.get('other')).trim();
    const [charger, widget] = kind === 'charger' ? [id, other] : [other, id];
    const replace = this.replaces === other ? '?replace=true' : '';
    return ask('PUT', `${pairingPath(charger)}${replace}`, { body: { widget } }).catch((error) => {
      // A second tap means that one has read what is in the way of this one.
      if (error instanceof HubError && REPLACEABLE.includes(error.type)) this.replaces = other;
      throw error;
    });
  }

  #onOther = () => {
    this.change.error = null;
    this.replaces = null;
    this.app.update();
  };

  async #setSecret() {
    await ask('PUT', `${this.device.path}/secret`, { body: { secret: this.secret } });
    this.isSet = true;
  }

  #onSubmit = async (event) => {
    event.preventDefault();
    const { change, name } = this;
    const attempt = change.attempt(new FormData(event.target));
    this.app.update();
    const isDone = await attempt;
    if (this.isStopped) return;
    if (change.error?.status === 401) this.app.onSessionEnd();
    if (isDone) this.onChanged();
    if (isDone && name !== 'secret' && change === this.change) close();
    this.app.update();
  };

  /** Who puts something away before the hub has answered does not see what came of it. */
  #onCancel = (event) => {
    if (this.change.isBusy) event.preventDefault();
  };

  #onClose = () => {
    // At a second Esc browsers close it all the same.
    if (this.name !== null && this.change.isBusy) {
      dialog()?.showModal();
      return;
    }
    this.name = null;
    this.secret = '';
    this.app.update();
  };

  #troubleOf(error) {
    const { type, problem } = error;
    if (type === 'charger-is-paired' || type === 'widget-is-paired') {
      return t('device_is_paired', { charger: problem.charger, widget: problem.widget });
    }
    if (type === 'rental-is-open') return t('device_is_with_visitor');
    if (type === 'no-credential-key') return t('device_no_credential_key');
    return saidOf(error, TROUBLES);
  }
}

function dialog() {
  return /** @type {HTMLDialogElement | null} */ (document.querySelector('dialog.change'));
}

function close() {
  dialog()?.close();
}

/** Only what was there when the dialog was opened is removed: another one meanwhile stays. */
function removal(path) {
  let etag = '';
  const look = async () => {
    etag ||= (await askTagged('GET', path)).etag;
  };
  look().catch(() => {}); // it is said when it is tapped
  const send = async () => {
    await look();
    await ask('DELETE', path, { ifMatch: etag });
  };
  return new Change(send, ({ status }) => status === 404);
}

function pairingPath(charger) {
  return `pairings/${encodeURIComponent(charger)}`;
}

/** 192 random bits in 32 characters, as the hub makes them. */
function newSecret() {
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_');
}
