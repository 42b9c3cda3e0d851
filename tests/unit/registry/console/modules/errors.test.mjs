// What is said of the hub's refusals.
import assert from 'node:assert/strict';
import { test } from 'node:test';

globalThis.location = /** @type {any} */ ({ href: 'http://127.0.0.1/console/' });
globalThis.document = /** @type {any} */ ({ documentElement: {} });
const NAMES = ['hub_silent', 'hub_cannot_tell', 'not_allowed', 'own', 'connecting', 'no_contact'];
const TEXTS = { ...Object.fromEntries(NAMES.map((each) => [each, each])), hub_refused: 'no: {detail}' };
globalThis.fetch = async () => Response.json(TEXTS);
const FOLDER = '../../../../../services/registry/console/static';
const { loadTexts } = await import(`${FOLDER}/texts.js`);
const { HubError } = await import(`${FOLDER}/hub.js`);
const { lossOf, saidOf } = await import(`${FOLDER}/errors.js`);
await loadTexts('en');

test('each answer has its text, and a screen may have texts of its own', () => {
  const said = (own) => [0, 403, 409, 503].map((status) => saidOf(new HubError(status, 'why'), own));
  assert.deepEqual(said(), ['hub_silent', 'not_allowed', 'no: why', 'hub_cannot_tell']);
  assert.deepEqual(said({ 409: 'own', 500: 'own' }), ['hub_silent', 'not_allowed', 'own', 'own']);
});

test('a mistake of ours is not said to be the hub’s', () => {
  assert.throws(() => saidOf(new TypeError('ours')), TypeError);
});

test('without contact, or without an answer, what is shown is not of now', () => {
  const said = [null, new HubError(0, ''), new HubError(503, '')].map(lossOf);
  assert.deepEqual(said, ['connecting', 'no_contact', 'hub_cannot_tell']);
});
