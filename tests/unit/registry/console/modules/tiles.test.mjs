// However events are ordered and repeated, no older light replaces a newer one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Tiles } from '../../../../../services/registry/console/static/feed/tiles.js';

const HUB = { redis_away_since: null, postgres_away_since: null };

function tile(charger, more = {}) {
  return { charger, label: '', light: 'charging', pairing_number: 1, revision: [1, 1], ...more };
}

function snapshot(position, ...tiles) {
  return { position, hub: HUB, tiles };
}

/** The same numbers for each run: a failure can be repeated. */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

function shuffled(items, random) {
  return items
    .map((item) => ({ item, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

function shown(tiles) {
  return Object.fromEntries(
    [...tiles.known].filter(([, { tile: it }]) => it).map(([charger, { tile: it }]) => [charger, it]),
  );
}

/** What a registry tells: lights that get newer, phones that change, chargers that go and come. */
function story(random, length) {
  const revisions = new Map();
  return Array.from({ length }, (_, index) => {
    const charger = `c${Math.floor(random() * 5)}`;
    const id = `feed-${index + 2}`;
    if (random() < 0.1) return { name: 'gone', data: [charger], id };
    let { pairing, sequence } = revisions.get(charger) ?? { pairing: 1, sequence: 0 };
    if (random() < 0.2) [pairing, sequence] = [pairing + 1, 0];
    else sequence += 1;
    revisions.set(charger, { pairing, sequence });
    const revision = random() < 0.1 ? null : [1, sequence];
    return { name: 'tiles', data: [tile(charger, { pairing_number: pairing, revision })], id };
  });
}

test('events in any order, some of them twice, lead to what they lead to in their order', () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const random = generator(seed);
    const events = story(random, 40);
    const inOrder = new Tiles();
    inOrder.onSnapshot(snapshot('feed-1'));
    for (const { name, data, id } of events) inOrder.onEvent(name, data, id);
    const disordered = new Tiles();
    disordered.onSnapshot(snapshot('feed-1'));
    const repeated = events.filter(() => random() < 0.5);
    for (const { name, data, id } of shuffled([...events, ...repeated], random)) {
      disordered.onEvent(name, data, id);
    }
    assert.deepEqual(shown(disordered), shown(inOrder), `seed ${seed}`);
    assert.equal(disordered.position, inOrder.position);
  }
});

test('between two registries, no older light replaces a newer one at any moment', () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const random = generator(seed);
    const tiles = new Tiles();
    const told = story(random, 40).filter(({ name, data }) => name === 'tiles' && data[0].revision);
    const from = told.map((event, index) => ({ ...event, id: `${'ab'[index % 2]}-${index}` }));
    const newest = new Map();
    for (const { name, data, id } of shuffled([...from, ...from], random)) {
      tiles.onEvent(name, data, id);
      const { pairing_number: pairing, revision, charger } = tiles.get(data[0].charger);
      const order = pairing * 1000 + revision[1];
      assert.ok(order >= (newest.get(charger) ?? 0), `seed ${seed}`);
      newest.set(charger, order);
    }
  }
});

test('a light that nothing can have led to is replaced, where the registry says so', () => {
  const tiles = new Tiles();
  tiles.onSnapshot(snapshot('a-1', tile('c1', { revision: [9, 9], light: 'charged' })));
  tiles.onEvent('tiles', [tile('c1', { revision: [2, 1] })], 'a-2');
  assert.equal(tiles.get('c1').light, 'charging');
});

test('after a reset only what follows is shown', () => {
  const tiles = new Tiles();
  tiles.onSnapshot(snapshot('a-9', tile('c1', { pairing_number: 5 }), tile('c2')));
  tiles.onEvent('reset', {}, '');
  assert.deepEqual([tiles.position, shown(tiles)], [null, {}]);
  tiles.onEvent('tiles', [tile('c1', { pairing_number: 4 })], 'b-1');
  assert.deepEqual(Object.keys(shown(tiles)), ['c1']);
  assert.equal(tiles.position, 'b-1');
});

test('a snapshot that comes late changes nothing, and a newer one everything', () => {
  const tiles = new Tiles();
  tiles.onSnapshot(snapshot('a-5', tile('c1'), tile('c2')));
  tiles.onEvent('gone', ['c1'], 'a-6');
  tiles.onSnapshot(snapshot('a-5', tile('c1'), tile('c2')));
  assert.deepEqual(Object.keys(shown(tiles)), ['c2']);
  tiles.onSnapshot(snapshot('b-1', tile('c3')));
  assert.deepEqual(Object.keys(shown(tiles)), ['c3']);
});

test('it says what has changed, once', () => {
  const tiles = new Tiles();
  tiles.onSnapshot(snapshot('a-1', tile('c1')));
  assert.deepEqual([...tiles.takeChanged()], ['c1']);
  tiles.onEvent('gone', ['c1'], 'a-2');
  tiles.onEvent('tiles', [tile('c1')], 'a-1');
  assert.deepEqual([...tiles.takeChanged()], ['c1']);
  assert.equal(tiles.get('c1'), null);
  assert.equal(tiles.takeChanged().size, 0);
});
