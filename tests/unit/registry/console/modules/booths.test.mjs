// Which booths can be chosen.
import assert from 'node:assert/strict';
import { test } from 'node:test';

globalThis.location = /** @type {any} */ ({ href: 'http://127.0.0.1/console/' });
globalThis.document = /** @type {any} */ ({ createTreeWalker: () => ({}), createComment: () => ({}) });
const { withChosen } = await import('../../../../../services/registry/console/static/booths.js');

const MAIN = { id: 'main', name: 'Main stage' };

test('the chosen booth can always be chosen, so that no other one takes its place', () => {
  assert.deepEqual(withChosen([MAIN], 'main'), [MAIN]);
  assert.deepEqual(withChosen([MAIN], 'new'), [MAIN, { id: 'new', name: 'new' }]);
  assert.deepEqual(withChosen([], 'main'), [{ id: 'main', name: 'main' }]);
  for (const none of [null, '']) assert.deepEqual(withChosen([MAIN], none), [MAIN]);
});
