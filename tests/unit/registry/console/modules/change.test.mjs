// A change is asked for once at a time, and what was done before counts as done.
import assert from 'node:assert/strict';
import { test } from 'node:test';

globalThis.location = /** @type {any} */ ({ href: 'http://127.0.0.1/console/' });
const { HubError } = await import('../../../../../services/registry/console/static/hub.js');
const { Change } = await import(
  '../../../../../services/registry/console/static/device/change.js'
);

const IS_404 = ({ status }) => status === 404;

test('a second tap sends nothing', async () => {
  let sent = 0;
  let answer = () => {};
  const change = new Change(
    () => {
      sent += 1;
      return new Promise((resolve) => (answer = () => resolve(undefined)));
    },
    () => false,
  );
  const first = change.attempt(new FormData());
  assert.equal(await change.attempt(new FormData()), false);
  answer();
  assert.deepEqual([await first, sent, change.isBusy], [true, 1, false]);
});

test('after a lost answer it is done, if it is found to be done', async () => {
  const answers = [new HubError(0, ''), new HubError(404, '')];
  const change = new Change(async () => {
    throw answers.shift();
  }, IS_404);
  assert.equal(await change.attempt(new FormData()), false);
  assert.equal(change.error?.status, 0);
  assert.equal(await change.attempt(new FormData()), true);
  assert.equal(change.error, null);
});

test('a refusal is kept, and what is no answer of the hub is thrown', async () => {
  const answers = [new HubError(412, ''), new TypeError('a mistake')];
  const change = new Change(async () => {
    throw answers.shift();
  }, IS_404);
  assert.equal(await change.attempt(new FormData()), false);
  assert.equal(change.error?.status, 412);
  await assert.rejects(change.attempt(new FormData()), TypeError);
  assert.equal(change.isBusy, false);
});
