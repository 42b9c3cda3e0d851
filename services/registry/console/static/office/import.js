// A file of devices: a look at what it would do, row by row, and then, if one wants, doing it.
import { html, nothing } from '../vendor/lit-html/lit-html.js';
import { ask, HubError } from '../hub.js';
import { t } from '../texts.js';
import { AskingPage } from './asking.js';
import { count } from './figures.js';
import { concerns, KINDS, partsOf, reasonOf, typeOf } from './import_model.js';

/** The hub waits so long for a file, and then until all of it is in effect. */
const PATIENT_MS = 400_000;
/** Rows that are in the page at first, and with each wish for more. */
const SHOWN = 200;

/**
 * @typedef {import('./import_model.js').Outcome} Outcome
 * @typedef {import('./import_model.js').Refused} Refused
 */

export class ImportPage extends AskingPage {
  /** @type {{rows: number, created: number, updated: number, unchanged: number, paired: number,
   *   secrets: number, similar: number, booths?: {name: string}[], outcomes: Outcome[]} | null} */
  preview = null;
  /** @type {{errors: Refused[], total: number} | null} */
  refused = null;
  /** @type {any} */
  done = null;
  /** @type {(typeof KINDS)[number]} */
  filter = 'all';
  shown = SHOWN;
  /** Whether it may have been imported, although no answer came. */
  isUnsure = false;

  /** @param {import('./asking.js').App} app */
  constructor(app) {
    super(app);
    /** As it was chosen: what is imported is what was looked at. @type {File | null} */
    this.file = null;
    this.options = { isWindows: false, replace: false, createBooths: false };
  }

  /** What was found out is no longer of what is chosen. */
  #forget() {
    this.preview = null;
    this.refused = null;
    this.done = null;
    this.filter = 'all';
    this.shown = SHOWN;
    this.isUnsure = false;
    this.trouble = '';
  }

  async #choose(file) {
    this.#forget();
    this.file = null;
    if (file) {
      // In memory from now on: the file may be changed meanwhile.
      try {
        this.file = new File([await file.arrayBuffer()], file.name);
      } catch {
        this.trouble = t('import_unreadable');
      }
    }
    this.app.update();
    if (this.file) await this.#look();
  }

  #set(options) {
    this.options = { ...this.options, ...options };
    this.#forget();
    this.app.update();
    if (this.file) void this.#look();
  }

  async #look() {
    await this.attempt(async () => {
      const found = await this.#send('dry_run=true&');
      if (found) this.preview = found;
    });
  }

  async #import() {
    await this.attempt(async () => {
      try {
        this.done = await this.#send('');
      } catch (error) {
        // The answer may be what got lost.
        this.isUnsure = error instanceof HubError && error.isUnsure;
        throw error;
      }
      this.preview = null;
    });
  }

  /** Send the file; null: it was refused because of mistakes in it. */
  async #send(query) {
    const { isWindows, replace, createBooths } = this.options;
    const { file } = this;
    if (!file) return null;
    const options = `replace=${replace}&create_booths=${createBooths}`;
    const type = typeOf(file.name, isWindows);
    try {
      return await ask('POST', `import?${query}${options}`, {
        file: new Blob([file], { type }),
        timeoutMs: PATIENT_MS,
      });
    } catch (error) {
      if (!(error instanceof HubError) || !error.problem?.errors?.[0]?.line) throw error;
      this.preview = null;
      this.refused = error.problem;
      return null;
    }
  }

  view() {
    return html`<main class="office import">
      <h1>${t('screen_import')}</h1>
      ${this.#form()}
      <p role="alert">${this.isUnsure ? `${this.trouble} ${t('import_unsure')}` : this.trouble}</p>
      <div role="status">${this.#said()}</div>
      ${this.refused ? this.#refusedView(this.refused) : nothing}
      ${this.preview ? this.#previewView(this.preview) : nothing}
    </main>`;
  }

  #said() {
    if (this.isBusy) return html`<p>${t('import_working')}</p>`;
    return this.done ? this.#doneView(this.done) : nothing;
  }

  #form() {
    const { isWindows, replace, createBooths } = this.options;
    const choose = (event) => void this.#choose(event.target.files[0]);
    const box = (name, isOn, text) => html`<label class="box">
      <input
        type="checkbox"
        .checked=${isOn}
        ?disabled=${this.isBusy}
        @change=${(event) => this.#set({ [name]: event.target.checked })}
      />
      ${text}
    </label>`;
    return html`<form class="fields" @submit=${(event) => event.preventDefault()}>
      <label>
        ${t('import_file')}
        <input
          type="file"
          accept=".csv,.txt,.jsonl,.ndjson,text/csv"
          ?disabled=${this.isBusy}
          @change=${choose}
        />
      </label>
      <p class="quiet">${t('import_how')}</p>
      <details>
        <summary>${t('import_options')}</summary>
        ${box('isWindows', isWindows, t('import_windows'))}
        ${box('replace', replace, t('import_replace'))}
        ${box('createBooths', createBooths, t('import_create_booths'))}
      </details>
    </form>`;
  }

  #previewView(preview) {
    const { rows, outcomes, booths } = preview;
    const kept = outcomes.filter((each) => concerns(each, this.filter));
    const shown = kept.slice(0, this.shown);
    return html`<h2>${t('import_preview')}</h2>
      <p>${this.#counts(preview)}</p>
      ${booths ? html`<p>${t('import_booths', { names: booths.map(({ name }) => name).join(', ') })}</p>` : nothing}
      ${rows === 0
        ? html`<p>${t('import_empty')}</p>`
        : html`<p>
              <button type="submit" class="go" ?disabled=${this.isBusy} @click=${() => void this.#import()}>
                ${t('import_do', { count: count(rows) })}
              </button>
            </p>
            <p class="quiet">${t('import_nothing_yet')}</p>
            ${this.#filters(outcomes)} ${this.#table(shown)} ${this.#more(kept.length)}`}`;
  }

  #counts({ created, updated, unchanged, paired, secrets }) {
    const parts = [
      [created, 'import_count_created'],
      [updated, 'import_count_updated'],
      [unchanged, 'import_count_unchanged'],
      [paired, 'import_count_paired'],
      [secrets, 'import_count_secrets'],
    ];
    return parts
      .filter(([number]) => number > 0)
      .map(([number, name]) => t(name, { count: count(number) }))
      .join(' · ');
  }

  #filters(outcomes) {
    const choose = (name) => {
      this.filter = name;
      this.shown = SHOWN;
      this.app.update();
    };
    const numbers = Object.fromEntries(KINDS.map((each) => [each, 0]));
    for (const outcome of outcomes) {
      for (const each of KINDS) if (concerns(outcome, each)) numbers[each] += 1;
    }
    return html`<div class="filters" role="group" aria-label=${t('show')}>
      ${KINDS.filter((each) => each === 'all' || numbers[each] > 0).map(
        (each) => html`<button
          type="button"
          class="filter"
          aria-pressed=${this.filter === each}
          @click=${() => choose(each)}
        >
          ${t(`import_filter_${each}`)} <b>${count(numbers[each])}</b>
        </button>`,
      )}
    </div>`;
  }

  #table(outcomes) {
    const part = ({ name, values }) => html`<span class="part">${t(name, values)}</span>`;
    return html`<table>
      <thead>
        <tr>
          <th scope="col">${t('import_line')}</th>
          <th scope="col">${t('import_device')}</th>
          <th scope="col">${t('import_outcome')}</th>
        </tr>
      </thead>
      <tbody>
        ${outcomes.map(
          (each) => html`<tr class=${each.device}>
            <td>${each.line}</td>
            <th scope="row">${each.id}</th>
            <td>${partsOf(each).map(part)}</td>
          </tr>`,
        )}
      </tbody>
    </table>`;
  }

  #more(total) {
    if (total <= this.shown) return nothing;
    const more = () => {
      this.shown += SHOWN;
      this.app.update();
    };
    return html`<p>${t('import_shown', { shown: count(this.shown), count: count(total) })}</p>
      <button type="button" @click=${more}>${t('show_more')}</button>`;
  }

  #refusedView({ errors, total }) {
    const reason = (each) => {
      const known = reasonOf(each);
      if (known === null) return html`<span lang="en">${each.problem}</span>`;
      return t(known.name, known.values);
    };
    return html`<h2>${t('import_refused', { count: count(total) })}</h2>
      <p>${t('import_refused_means')}</p>
      <table class="refused">
        <thead>
          <tr>
            <th scope="col">${t('import_line')}</th>
            <th scope="col">${t('import_column')}</th>
            <th scope="col">${t('import_why')}</th>
          </tr>
        </thead>
        <tbody>
          ${errors.map(
            (each) => html`<tr>
              <td>${each.line}</td>
              <td>${each.column ?? '–'}</td>
              <td>${reason(each)}</td>
            </tr>`,
          )}
        </tbody>
      </table>
      ${total > errors.length
        ? html`<p>${t('import_shown', { shown: count(errors.length), count: count(total) })}</p>`
        : nothing}`;
  }

  #doneView(done) {
    return html`<p class="word ready">
        <svg aria-hidden="true"><use href="#shape-ready"></use></svg>
        <b>${t('import_done', { count: count(done.rows) })}</b>
      </p>
      <p>${this.#counts(done)}</p>
      ${done.projected ? nothing : html`<p>${t('import_not_in_effect')}</p>`}`;
  }
}
