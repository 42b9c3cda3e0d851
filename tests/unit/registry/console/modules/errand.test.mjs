// A change that is asked for until there is an answer.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

const kept = new Map();
globalThis.location = { href: 'http://127.0.0.1/console/' };
globalThis.localStorage = {
  getItem: (name) => kept.get(name) ?? null,
  setItem: (name, text) => kept.set(name, text),
  removeItem: (name) => kept.delete(name),
};
const ROOT = '../../../../../services/registry/console/static';
const { HubError } = await import(`${ROOT}/hub.js`);
const { dropErrands, Errand, haltErrands, newId, takeUpErrands } = await import(`${ROOT}/desk/errand.js`);

const CHANGE = { path: 'rentals/one', body: { charger: 'c1' }, about: 'c1' };
const KEPT = 'chargelight-hand-over-sent';

beforeEach(() => kept.clear());

/** A hub that gives these answers, one after the other. */
function hub(...answers) {
  const asked = [];
  const world = {
    time: 1000,
    asked,
    now: () => world.time,
    wait: async (ms) => {
      world.time += ms;
    },
    ask: async (method, path, { body }) => {
      asked.push([method, path, body]);
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  return world;
}

/** Let all that can go on go on. */
async function settle() {
  for (let turn = 0; turn < 50; turn += 1) await null;
}

test('it is the same request until there is an answer', async () => {
  const world = hub(new HubError(0, ''), new HubError(503, ''), { id: 'one' });
  const errand = new Errand('hand-over-sent', world);
  errand.begin(CHANGE);
  assert.ok(kept.has(KEPT), 'it is remembered before it is sent');
  await settle();
  assert.deepEqual(world.asked, Array(3).fill(['PUT', 'rentals/one', { charger: 'c1' }]));
  assert.equal(errand.change, null);
  assert.deepEqual(errand.takeOutcome().answer, { id: 'one' });
  assert.equal(errand.takeOutcome(), null);
  assert.equal(kept.has(KEPT), false);
});

test('what failed is said while it goes on', async () => {
  const world = hub(new HubError(0, ''));
  let isWaiting = false;
  world.wait = () => {
    isWaiting = true;
    return new Promise(() => {});
  };
  const errand = new Errand('hand-over-sent', world);
  errand.begin(CHANGE);
  await settle();
  assert.ok(isWaiting);
  assert.equal(errand.failure.status, 0);
  assert.equal(errand.isOld, false);
});

test('a refusal is an answer', async () => {
  const world = hub(new HubError(409, 'a phone is in it', { type: 'urn:chargelight:problem:rental-is-open' }));
  const errand = new Errand('hand-over-sent', world);
  errand.begin(CHANGE);
  await settle();
  const { change, answer, error } = errand.takeOutcome();
  assert.equal(change.about, 'c1');
  assert.equal(answer, null);
  assert.equal(error.type, 'rental-is-open');
  assert.equal(kept.has(KEPT), false);
});

test('only one is under way', async () => {
  const world = hub({ id: 'one' });
  const errand = new Errand('hand-over-sent', world);
  errand.begin(CHANGE);
  errand.begin({ ...CHANGE, path: 'rentals/two' });
  await settle();
  assert.deepEqual(world.asked.map(([, path]) => path), ['rentals/one']);
});

test('a page that is opened again goes on with it', async () => {
  const away = hub(new HubError(0, ''));
  away.wait = () => new Promise(() => {});
  new Errand('hand-over-sent', away).begin(CHANGE);
  await settle();
  const world = hub({ id: 'one' });
  const errand = new Errand('hand-over-sent', world);
  errand.resume();
  await settle();
  assert.deepEqual(world.asked, away.asked);
  assert.deepEqual(errand.takeOutcome().change.about, 'c1');
});

test('what is old waits for a person', async () => {
  const text = JSON.stringify({ ...CHANGE, at: 0 });
  kept.set(KEPT, text);
  const world = hub({ id: 'one' });
  world.time = 11 * 60_000;
  const errand = new Errand('hand-over-sent', world);
  errand.resume();
  await settle();
  assert.deepEqual(world.asked, []);
  assert.ok(errand.isOld);
  await errand.run();
  assert.equal(world.asked.length, 1);
  kept.set(KEPT, text);
  errand.resume();
  errand.drop();
  assert.equal(errand.change, null);
  assert.equal(kept.has(KEPT), false);
});

test('what is dropped is asked for no more', async () => {
  const world = hub(new HubError(0, ''), { id: 'one' });
  const errand = new Errand('hand-over-sent', world);
  let goOn = () => {};
  world.wait = () => new Promise((resolve) => (goOn = resolve));
  errand.begin(CHANGE);
  await settle();
  errand.drop();
  goOn();
  await settle();
  assert.equal(world.asked.length, 1);
  assert.equal(errand.takeOutcome(), null);
});

test('a session that ended keeps it for the next one', async () => {
  const world = hub(new HubError(401, ''), { id: 'one' });
  const errand = new Errand('hand-over-sent', world);
  let ended = 0;
  errand.onSessionEnd = () => (ended += 1);
  errand.begin(CHANGE);
  await settle();
  assert.equal(ended, 1);
  assert.equal(errand.takeOutcome(), null);
  errand.resume();
  await settle();
  assert.deepEqual(errand.takeOutcome().answer, { id: 'one' });
});

/** An errand to which the hub does not answer, which waits to ask again. */
async function waiting() {
  const world = hub(new HubError(0, ''), { id: 'one' });
  let goOn = () => {};
  world.wait = () => new Promise((resolve) => (goOn = resolve));
  const errand = new Errand('hand-over-sent', world);
  errand.begin(CHANGE);
  await settle();
  return { asked: world.asked, errand, goOn: () => goOn() };
}

test('what one person began is not sent under the name of the next', async () => {
  takeUpErrands({ key_id: 'k1', name: 'anton' });
  const { asked, errand, goOn } = await waiting();
  haltErrands(); // the session ended
  takeUpErrands({ key_id: 'k2', name: 'berta' });
  goOn();
  errand.resume();
  await settle();
  assert.deepEqual([asked.length, errand.change, kept.has(KEPT)], [1, null, false]);
});

test('after a session that ended, the same person goes on', async () => {
  takeUpErrands({ key_id: 'k1', name: 'anton' });
  const { asked, errand, goOn } = await waiting();
  haltErrands();
  goOn();
  await settle();
  assert.equal(asked.length, 1, 'nothing is sent without a session');
  takeUpErrands({ key_id: 'k1', name: 'anton' });
  errand.resume();
  await settle();
  assert.deepEqual(errand.takeOutcome().answer, { id: 'one' });
});

test('who signs out leaves nothing that goes on, or that comes back with another page', async () => {
  const { asked, errand, goOn } = await waiting();
  dropErrands();
  goOn();
  await settle();
  assert.deepEqual([asked.length, errand.change, kept.has(KEPT)], [1, null, false]);
  // Another tab has forgotten what waits here for a person.
  kept.set(KEPT, JSON.stringify({ ...CHANGE, at: -1e9 }));
  errand.resume();
  assert.ok(errand.isOld);
  kept.delete(KEPT);
  errand.resume();
  assert.equal(errand.change, null);
});

test('what came of an errand is not told the next person', async () => {
  takeUpErrands({ key_id: 'k1', name: 'anton' });
  const errand = new Errand('hand-over-sent', hub({ id: 'one' }));
  errand.begin(CHANGE);
  await settle();
  takeUpErrands({ key_id: 'k2', name: 'berta' });
  assert.equal(errand.takeOutcome(), null);
});

test('what the browser remembers may be broken', () => {
  kept.set(KEPT, '{');
  const errand = new Errand('hand-over-sent', hub());
  errand.resume();
  assert.equal(errand.change, null);
});

test('ids are those of RFC 9562, and never the same', () => {
  const ids = Array.from({ length: 1000 }, newId);
  const form = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  assert.ok(ids.every((id) => form.test(id)));
  assert.equal(new Set(ids).size, ids.length);
});
