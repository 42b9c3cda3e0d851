// What the office says of the hub, of an import and of the audit log.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

const FOLDER = '../../../../../services/registry/console/static/';
const { byDay, conditionOf, shareOf } = await import(`${FOLDER}office/hub_model.js`);
const { concerns, partsOf, reasonOf, typeOf } = await import(`${FOLDER}office/import_model.js`);
const { hostOf, labelsAddress } = await import(`${FOLDER}office/label_address.js`);
const { changesIn, sentenceOf } = await import(`${FOLDER}office/sentences.js`);
const TEXTS = JSON.parse(await readFile(new URL(`${FOLDER}texts/en.json`, import.meta.url), 'utf8'));

/** As texts.js does it, but nothing may be missing. */
function said({ name, values }) {
  return TEXTS[name].replace(/\{(\w+)\}/g, (_, key) => {
    assert.ok(key in values, `${name} lacks ${key}`);
    return String(values[key]);
  });
}

test('an instance is lost only where instances are heard', () => {
  assert.equal(conditionOf({ ready: true }, 3, true), 'ready');
  assert.equal(conditionOf({ ready: false }, 3, true), 'not_ready');
  assert.equal(conditionOf({ ready: null }, 3, true), 'not_ready');
  assert.equal(conditionOf({ ready: true }, 11, true), 'lost');
  assert.equal(conditionOf({ ready: true }, 11, false), 'not_heard');
});

test('a share of nothing is all of it', () => {
  assert.equal(shareOf(50, 200), 25);
  assert.equal(shareOf(0, 0), 100);
});

test('what was done stands below the day on which it was', () => {
  const [a, b, c] = ['2026-11-30T21:00', '2026-11-30T09:00', '2026-11-29T23:00'].map((at) => ({ at }));
  const days = byDay([a, b, c], (at) => at.slice(0, 10));
  assert.deepEqual(days, [
    ['2026-11-30', [a, b]],
    ['2026-11-29', [c]],
  ]);
  assert.deepEqual(byDay([], String), []);
});

test('a row of an import says all that becomes of it', () => {
  const outcome = {
    line: 2,
    kind: 'charger',
    id: 'c1',
    device: 'updated',
    widget: 'w2',
    pairing: 'paired',
    former_widget: 'w1',
    former_charger: 'c9',
    secret: 'set',
    similar: 'C1',
  };
  assert.deepEqual(partsOf(outcome).map(said), [
    'changed',
    'paired with w2',
    'no longer with w1',
    'taken from c9',
    'gets a secret',
    'there is C1: other capitals',
  ]);
  const plain = { line: 3, kind: 'widget', id: 'w3', device: 'unchanged', pairing: 'unchanged' };
  assert.deepEqual(partsOf(plain).map(said), ['unchanged']);
  assert.equal(concerns(outcome, 'careful'), true);
  assert.equal(concerns(plain, 'careful'), false);
  assert.equal(concerns(plain, 'unchanged'), true);
  assert.equal(concerns(plain, 'created'), false);
  assert.equal(concerns(plain, 'all'), true);
});

test('why a row is refused is said in the reader’s language where the hub has a code for it', () => {
  const about = { id: 'c1', widget: 'w1', other: 'c9', other_line: 2 };
  const row = { line: 5, column: 'widget', problem: 'in words', about };
  assert.equal(said(reasonOf({ ...row, code: 'widget-is-paired' })), 'w1 is paired with c9');
  assert.equal(said(reasonOf({ ...row, code: 'wanted' })), 'w1 is paired with c9 on line 2');
  assert.equal(said(reasonOf({ ...row, code: 'no-id', about: {} })), 'There is no id');
  assert.equal(reasonOf({ ...row, code: undefined }), null);
  assert.equal(reasonOf({ ...row, code: 'constructor' }), null);
});

test('a file is sent as what it is', () => {
  assert.equal(typeOf('devices.csv', false), 'text/csv');
  assert.equal(typeOf('devices.JSONL', false), 'application/x-ndjson');
  assert.equal(typeOf('devices.csv', true), 'text/csv; charset=windows-1252');
});

test('the pages of labels are asked for by what was chosen', () => {
  const all = { kind: 'charger', booth: null, ids: ' ' };
  const address = 'http://hub.local:3300';
  const query = (wanted) =>
    Object.fromEntries(new URLSearchParams(labelsAddress(wanted, address).split('?')[1]));
  assert.deepEqual(query(all), { kind: 'charger', address });
  assert.deepEqual(query({ ...all, booth: 'camping' }), { kind: 'charger', address, booth: 'camping' });
  assert.deepEqual(query({ ...all, booth: '' }), { kind: 'charger', address, booth: '' });
  const listed = { ...all, kind: 'widget', ids: 'w1, w2;w3\nw4' };
  assert.deepEqual(query(listed), { kind: 'widget', address, ids: 'w1,w2,w3,w4' });
});

const ENTRY = {
  id: 1,
  at: '2026-11-30T21:04:00Z',
  who: 'anton',
  action: 'created',
  kind: 'rental',
  subject: '7b1f0c52-4a52-4a06-9a4f-3f0e6f0b8a11',
  details: {},
  rental: null,
  import_id: null,
  booth: null,
  key_id: null,
  address: null,
};
const RENTAL = { charger: 'c1', ticket: '17' };

/** @type {[object, string][]} */
const SENTENCES = [
  [
    { details: { widget_id: 'w1', ticket: '17' }, rental: RENTAL },
    'anton took in the phone of ticket 17: c1, widget w1',
  ],
  [
    { details: { widget_id: 'w1', ticket: null }, rental: { ...RENTAL, ticket: null } },
    'anton took in a phone: c1, widget w1',
  ],
  [
    { action: 'changed', details: { collected_at: [null, 'now'] }, rental: RENTAL },
    'anton gave back the phone of ticket 17 from c1',
  ],
  [
    {
      action: 'changed',
      details: { collected_at: [null, 'now'], widget_returned_at: [null, 'now'] },
      rental: RENTAL,
    },
    'anton gave back the phone of ticket 17 from c1, and got the widget',
  ],
  [
    { action: 'changed', details: { widget_returned_at: [null, 'now'] }, rental: RENTAL },
    'anton got the widget of ticket 17',
  ],
  // Its rental went, and with it what the entry said.
  [{}, 'anton changed a rental'],
  [{ action: 'changed' }, 'anton changed a rental'],
  [{ action: 'removed' }, 'anton removed an old rental'],
  [{ kind: 'charger', subject: 'c1' }, 'anton registered c1'],
  [{ kind: 'pairing', subject: 'c1', details: { widget_id: 'w1' } }, 'anton paired c1 with w1'],
  [
    { kind: 'pairing', action: 'changed', subject: 'c1', details: { widget_id: ['w1', 'w2'] } },
    'anton paired c1 with w2',
  ],
  [
    { kind: 'api-key', subject: '3f9a', details: { name: 'berta', role: 'viewer', opens_rentals: true } },
    'anton made a key for berta (attendant)',
  ],
  [
    { kind: 'api-key', action: 'changed', subject: '3f9a', details: { revoked_at: [null, 'now'] } },
    'anton revoked the key of 3f9a',
  ],
  [
    { kind: 'import', action: 'imported', details: { created: 3, updated: 1, paired: 2 } },
    'anton imported a file: 3 new, 1 changed, 2 paired',
  ],
  [
    { kind: 'login', action: 'refused', who: 'nobody', subject: 'no such key', details: { count: 7 } },
    'A sign-in failed (7 ×): no such key',
  ],
  [{ kind: 'something', subject: 'new' }, 'anton: something new (created)'],
];

for (const [entry, sentence] of SENTENCES) {
  test(`an entry of the audit log is a sentence: ${sentence}`, () => {
    assert.equal(said(sentenceOf({ ...ENTRY, ...entry })), sentence);
  });
}

test('every sentence has all that stands in it, also of an entry that says nothing', () => {
  const kinds = ['charger', 'widget', 'pairing', 'rental', 'booth', 'api-key', 'charger-secret'];
  const others = ['widget-secret', 'import', 'retention', 'erasure', 'repair', 'database', 'login'];
  const actions = ['created', 'changed', 'removed', 'imported', 'refused', 'exported'];
  for (const kind of [...kinds, ...others, 'sign-in-code', 'role', 'export']) {
    for (const action of actions) {
      for (const rental of [null, RENTAL]) {
        assert.ok(said(sentenceOf({ ...ENTRY, kind, action, rental })));
      }
    }
  }
});

test('a change says what was and what is, of what people write', () => {
  const details = { label: ['', 'Left 1'], booth: ['camping', null], replaced_at: [null, 'now'] };
  assert.deepEqual(changesIn({ ...ENTRY, action: 'changed', details }), [
    ['label', '–', 'Left 1'],
    ['booth', 'camping', '–'],
  ]);
  assert.deepEqual(changesIn({ ...ENTRY, details: { label: 'Left 1' } }), []);
});

test('what is not an address yet has no host, also while it is typed', () => {
  assert.equal(hostOf('http://hub:8443/a'), 'hub');
  for (const bad of ['', 'hub', 'http://', 'http://[', 'http://hub:99999', 'ftp://hub', 'http://hub?q']) {
    assert.equal(hostOf(bad), null, bad);
  }
});
