// What is an answer of the hub, and what is none.
import assert from 'node:assert/strict';
import { test } from 'node:test';

globalThis.location = /** @type {any} */ ({ href: 'http://127.0.0.1/console/' });
const { ask, HubError } = await import('../../../../../services/registry/console/static/hub.js');

const JSON_TYPE = { headers: { 'Content-Type': 'application/json' } };

/** @param {Response} answer */
function answering(answer) {
  globalThis.fetch = async () => answer;
  return ask('PUT', 'rentals/one', { body: {} });
}

test('what the hub says is returned, and of nothing, null', async () => {
  assert.deepEqual(await answering(new Response('{"id":"one"}', JSON_TYPE)), { id: 'one' });
  assert.equal(await answering(new Response(null, { status: 204 })), null);
});

test('a good answer whose rest is lost, or that is not of the hub, is none', async () => {
  const none = { status: 0, isUnsure: true };
  await assert.rejects(answering(new Response('{"id":', JSON_TYPE)), none);
  const html = { headers: { 'Content-Type': 'text/html' } };
  await assert.rejects(answering(new Response('<p>Accept our terms</p>', html)), none);
});

test('a refusal is one, also where its reason is lost', async () => {
  await assert.rejects(answering(new Response('{', { ...JSON_TYPE, status: 409 })), { status: 409 });
  await assert.rejects(answering(new Response('Bad Gateway', { status: 502 })), { status: 502 });
});

test('what was refused was not done; without the hub, nobody knows', () => {
  const unsure = [0, 400, 401, 409, 412, 500, 502, 503, 504].filter(
    (status) => new HubError(status, '').isUnsure,
  );
  assert.deepEqual(unsure, [0, 500, 502, 503, 504]);
});
