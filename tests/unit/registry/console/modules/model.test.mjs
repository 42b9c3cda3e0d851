// What a wall shows of what is known.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Tiles } from '../../../../../services/registry/console/static/feed/tiles.js';
import { kindOf, WallModel } from '../../../../../services/registry/console/static/wall/model.js';

const HUB = { redis_away_since: null, postgres_away_since: null };

function tile(charger, more = {}) {
  return { charger, label: '', light: null, light_since: null, online: true, problem: null, ...more };
}

function wallOf(...list) {
  const tiles = new Tiles();
  tiles.onSnapshot({ position: 'a-1', hub: HUB, tiles: list });
  const model = new WallModel(tiles);
  model.update();
  let number = 1;
  const tell = (name, ...data) => {
    number += 1;
    tiles.onEvent(name, data, `a-${number}`);
    model.update();
  };
  return { model, tell };
}

function names(list) {
  return list.map(({ charger }) => charger);
}

test('a tile is what its light is, or offline', () => {
  const kinds = { charging: 'charging', charging80: 'soon', charged: 'ready', null: 'dark' };
  for (const light of ['charging', 'charging80', 'charged', null]) {
    assert.equal(kindOf(tile('c1', { light })), kinds[String(light)]);
    assert.equal(kindOf(tile('c1', { light, online: false })), 'offline');
  }
});

test('tiles stand in the order of their labels, as people count', () => {
  const { model, tell } = wallOf(
    tile('c1', { label: 'left 10' }),
    tile('c2', { label: 'Left 9' }),
    tile('c10'),
    tile('c9'),
  );
  assert.deepEqual(names(model.list('all')), ['c9', 'c10', 'c2', 'c1']);
  tell('tiles', tile('c1', { label: 'left 1' }));
  assert.deepEqual(names(model.list('all')), ['c9', 'c10', 'c1', 'c2']);
  tell('gone', 'c10');
  tell('tiles', tile('c11'));
  assert.deepEqual(names(model.list('all')), ['c9', 'c11', 'c1', 'c2']);
});

test('the phone that has been ready for longest comes first', () => {
  const { model, tell } = wallOf(
    tile('c1', { light: 'charged', light_since: '2026-11-24T05:20:00Z' }),
    tile('c2', { light: 'charged', light_since: null }),
    tile('c3', { light: 'charged', light_since: '2026-11-24T05:10:00Z', online: false }),
    tile('c4', { light: 'charging80', light_since: '2026-11-24T05:00:00Z' }),
  );
  assert.deepEqual(names(model.list('ready')), ['c3', 'c1', 'c2']);
  tell('tiles', tile('c4', { light: 'charged', light_since: '2026-11-24T05:15:00Z' }));
  assert.deepEqual(names(model.list('ready')), ['c3', 'c4', 'c1', 'c2']);
});

test('counts follow each change', () => {
  const { model, tell } = wallOf(
    tile('c1', { light: 'charging' }),
    tile('c2', { light: 'charged', online: false, problem: 'offline' }),
  );
  const all = { charging: 1, soon: 0, ready: 1, dark: 0, offline: 1, problems: 1 };
  assert.deepEqual(model.counts, all);
  assert.deepEqual(names(model.list('problems')), ['c2']);
  tell('tiles', tile('c1', { light: 'charging80' }), tile('c2', { light: 'charged' }));
  assert.deepEqual(model.counts, { ...all, charging: 0, soon: 1, offline: 0, problems: 0 });
  tell('gone', 'c1');
  tell('reset');
  assert.deepEqual(Object.values(model.counts), [0, 0, 0, 0, 0, 0]);
  assert.deepEqual(model.list('all'), []);
});
