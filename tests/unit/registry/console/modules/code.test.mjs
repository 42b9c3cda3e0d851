// Codes of two people, one opened before that of the other has come.
import assert from 'node:assert/strict';
import { test } from 'node:test';

globalThis.location = /** @type {any} */ ({ href: 'http://127.0.0.1/console/', hostname: 'hub' });
globalThis.document = /** @type {any} */ ({ createTreeWalker: () => ({}), createComment: () => ({}) });
globalThis.requestAnimationFrame = () => 0;
const { CodeDialog } = await import(
  '../../../../../services/registry/console/static/office/code.js'
);

test('a code that is wanted while another one is made is made after it', async () => {
  const asked = [];
  const answers = [];
  globalThis.fetch = (_, { body }) => {
    asked.push(JSON.parse(body).key_id);
    return new Promise((resolve) => answers.push(resolve));
  };
  const dialog = new CodeDialog(/** @type {any} */ ({ update: () => {} }));
  const both = [{ id: 'anton' }, { id: 'berta' }].map((key) => dialog.show(/** @type {any} */ (key)));
  while (answers.length) {
    answers.shift()(Response.json({ qr: ['1'] }));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(both);
  assert.deepEqual(asked, ['anton', 'berta']);
  assert.notEqual(dialog.picture, null);
  dialog.stop();
});
