// What an answer of `/find` means at the desk, and what a hand-over is made of.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bodyOf,
  emptyDraft,
  readDraft,
  unlessOld,
  widgetOf,
  withChoice,
} from '../../../../../services/registry/console/static/desk/draft.js';
import { devicesIn, rentalsIn } from '../../../../../services/registry/console/static/desk/meaning.js';

const MINUTE = 60_000;

function rental(id, more = {}) {
  return { id, charger: 'c1', widget: 'w1', collected_at: null, widget_returned_at: null, ...more };
}

function charger(id, { widget = null, exact = true, ...more } = {}) {
  return { what: 'charger', exact, charger: { id, label: id, location: '', booth: null, widget }, ...more };
}

function widget(id, { charger: partner = null, exact = true, ...more } = {}) {
  const device = { id, label: id, location: '', booth: null, charger: partner };
  return { what: 'widget', exact, widget: device, ...more };
}

function ofRental(found, exact = true) {
  return { what: 'rental', exact, rental: found };
}

function find(...items) {
  return { items, more: false };
}

function ids(list) {
  return list.map(({ id }) => id);
}

test('what is named as a whole is taken, whatever else has it as a part', () => {
  const found = find(charger('c1'), charger('c10', { exact: false }), ofRental(rental('r1'), false));
  assert.deepEqual(ids(devicesIn(found).take), ['c1']);
});

test('a label on both of a pair names both', () => {
  const named = devicesIn(find(charger('c1', { widget: 'w1' }), widget('w1', { charger: 'c1' })));
  assert.deepEqual(ids(named.take), ['c1', 'w1']);
});

test('a label on two that are no pair is a question', () => {
  const named = devicesIn(find(charger('c1', { widget: 'w2' }), widget('w1')));
  assert.deepEqual(ids(named.choices), ['c1', 'w1']);
});

test('a part is a question, and a ticket is no device', () => {
  const found = find(charger('c1', { exact: false }), ofRental(rental('r1')));
  assert.deepEqual(ids(devicesIn(found).choices), ['c1']);
  assert.deepEqual(devicesIn(find(ofRental(rental('r1')))).choices, []);
});

test('what is free is offered first', () => {
  const taken = charger('c1', { exact: false, rental: rental('r1') });
  const found = find(taken, charger('c2', { exact: false }), widget('w1', { exact: false }));
  assert.deepEqual(ids(devicesIn(found).choices), ['c2', 'w1', 'c1']);
});

test('only an open rental keeps a device from being handed over', () => {
  const over = rental('r1', { collected_at: '2026-11-30T21:00:00Z' });
  const [free] = devicesIn(find(widget('w1', { rental: over }))).take;
  assert.equal(free.rental, null);
  const [taken] = devicesIn(find(widget('w1', { rental: rental('r2') }))).take;
  assert.equal(taken.rental.id, 'r2');
});

test('a ticket or a widget names what can be collected', () => {
  const open = rental('r1');
  assert.equal(rentalsIn(find(ofRental(open))).rental, open);
  // One label on charger and widget leads to the one rental of both.
  const both = find(charger('c1', { rental: open }), widget('w1', { rental: { ...open } }));
  assert.equal(rentalsIn(both).rental.id, 'r1');
});

test('of tickets that are used again, the open one is meant', () => {
  const over = rental('r1', { collected_at: 'then', widget_returned_at: 'then' });
  const found = find(ofRental(rental('r2')), ofRental(over));
  assert.equal(rentalsIn(found).rental.id, 'r2');
  assert.equal(rentalsIn(find(ofRental(over))).over.id, 'r1');
});

test('a widget that did not come back can be taken back, and one that cannot is over', () => {
  const kept = rental('r1', { collected_at: 'then' });
  assert.equal(rentalsIn(find(ofRental(kept))).rental.id, 'r1');
  const gone = rental('r2', { collected_at: 'then', widget: null });
  assert.equal(rentalsIn(find(ofRental(gone))).over.id, 'r2');
});

test('several are a question, none of them over, and a device without a phone is free', () => {
  const found = find(ofRental(rental('r1'), false), ofRental(rental('r2'), false));
  assert.deepEqual(ids(rentalsIn(found).choices), ['r1', 'r2']);
  const twice = find(ofRental(rental('r1')), ofRental(rental('r2')));
  assert.deepEqual(ids(rentalsIn(twice).choices), ['r1', 'r2']);
  assert.equal(rentalsIn(find(charger('c1'))).free.id, 'c1');
  assert.deepEqual(rentalsIn(find()).choices, []);
});

test('a hand-over needs a charger and a widget, scanned or its own', () => {
  const [own] = devicesIn(find(charger('c1', { widget: 'w1' }))).take;
  const [other] = devicesIn(find(widget('w2'))).take;
  const [alone] = devicesIn(find(charger('c2'))).take;
  assert.equal(bodyOf(emptyDraft()), null);
  assert.equal(bodyOf(withChoice(emptyDraft(), other)), null);
  assert.equal(bodyOf(withChoice(emptyDraft(), alone)), null);
  const draft = withChoice(emptyDraft(), own);
  assert.deepEqual(bodyOf(draft), { charger: 'c1', widget: 'w1' });
  assert.deepEqual(bodyOf(withChoice(draft, other)), { charger: 'c1', widget: 'w2' });
  // Another charger's own widget takes the place of the first one's, but not that of a scanned one.
  assert.equal(widgetOf(withChoice(draft, alone)), null);
  assert.equal(widgetOf(withChoice(withChoice(draft, other), own)).id, 'w2');
  assert.deepEqual(bodyOf({ ...draft, ticket: ' 0815 ' }), { charger: 'c1', widget: 'w1', ticket: '0815' });
});

test('a draft is remembered, but not until the next visitor', () => {
  const [own] = devicesIn(find(charger('c1', { widget: 'w1' }))).take;
  const draft = { ...withChoice(emptyDraft(), own), at: MINUTE };
  const text = JSON.stringify(draft);
  assert.deepEqual(readDraft(text, 2 * MINUTE), draft);
  assert.deepEqual(readDraft(text, 17 * MINUTE), emptyDraft());
  for (const broken of [null, '{', '7']) assert.deepEqual(readDraft(broken, MINUTE), emptyDraft());
});

test('what is scanned next does not belong to a draft that was left lying on the screen', () => {
  const [own] = devicesIn(find(charger('c1', { widget: 'w1' }))).take;
  const draft = { ...withChoice(emptyDraft(), own), at: MINUTE };
  assert.equal(unlessOld(draft, 15 * MINUTE), draft);
  for (const now of [16 * MINUTE, 0]) assert.deepEqual(unlessOld(draft, now), emptyDraft());
});
