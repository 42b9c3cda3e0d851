// What all screens of the office have: they ask the hub, and say so where that fails.
import { saidOf } from '../errors.js';
import { HubError } from '../hub.js';

/** @typedef {import('../app.js').App} App */

export class AskingPage {
  /** @param {App} app */
  constructor(app) {
    this.app = app;
    /** What went wrong last; empty: nothing. */
    this.trouble = '';
    this.isBusy = false;
    this.isStopped = false;
  }

  stop() {
    this.isStopped = true;
  }

  /**
   * Ask the hub for something, one thing at a time, and say whether that went well.
   * @param {() => Promise<void>} work
   */
  async attempt(work) {
    if (this.isBusy) return false;
    this.isBusy = true;
    this.trouble = '';
    this.app.update();
    try {
      await work();
      return true;
    } catch (error) {
      if (this.isStopped) return false;
      this.trouble = saidOf(error);
      const { status } = /** @type {HubError} */ (error);
      if (status === 401) this.app.onSessionEnd();
      return false;
    } finally {
      this.isBusy = false;
      this.app.update();
    }
  }

}

/**
 * Open a dialog of the page, once it is drawn. It gives the focus back when it is closed.
 * @param {string} selector
 */
export function openDialog(selector) {
  requestAnimationFrame(() => {
    const dialog = /** @type {HTMLDialogElement | null} */ (document.querySelector(selector));
    if (dialog !== null && !dialog.open) dialog.showModal(); // the page may be left by now
  });
}

/** @param {Event} event of something in a dialog */
export function closeDialog(event) {
  /** @type {Element} */ (event.target).closest('dialog')?.close();
}

/**
 * Return what was typed into a form.
 * @param {SubmitEvent} event
 */
export function typedIn(event) {
  event.preventDefault();
  const form = /** @type {HTMLFormElement} */ (event.target);
  const of = new FormData(form);
  return (/** @type {string} */ name) => String(of.get(name) ?? '').trim();
}
