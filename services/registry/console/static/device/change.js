// One change of a device: asked once however often it is tapped, and asked again after a lost
// answer without doing it twice. No page.
import { HubError } from '../hub.js';

/**
 * @typedef {(form: FormData) => Promise<unknown>} Send does it; throws HubError
 * @typedef {(error: HubError) => boolean} IsDone tells by a refusal that it was done before
 */

export class Change {
  /**
   * @param {Send} send
   * @param {IsDone} isDone
   */
  constructor(send, isDone) {
    this.send = send;
    this.isDone = isDone;
    this.isBusy = false;
    /** Why it was not done. @type {HubError | null} */
    this.error = null;
  }

  /**
   * Return whether it is done.
   * @param {FormData} form
   */
  async attempt(form) {
    if (this.isBusy) return false;
    this.isBusy = true;
    this.error = null;
    try {
      await this.send(form);
      return true;
    } catch (error) {
      if (!(error instanceof HubError)) throw error;
      if (this.isDone(error)) return true;
      this.error = error;
      return false;
    } finally {
      this.isBusy = false;
    }
  }
}
