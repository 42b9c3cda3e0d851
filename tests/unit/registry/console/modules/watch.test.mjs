// How old an answer is, that is asked for again and again.
import assert from 'node:assert/strict';
import { test } from 'node:test';

globalThis.location = /** @type {any} */ ({ href: 'http://127.0.0.1/console/' });
const { HubError } = await import('../../../../../services/registry/console/static/hub.js');
const { LIVE, Watch } = await import(
  '../../../../../services/registry/console/static/watch.js'
);

/** A clock that only a test moves on, and the pauses that wait for it. */
function outside() {
  const clock = { at: 1000, waits: [] };
  return {
    clock,
    now: () => clock.at,
    wait: (ms, signal) =>
      new Promise((resolve) => {
        clock.waits.push(resolve);
        signal.addEventListener('abort', () => resolve());
      }),
  };
}

async function settled() {
  await new Promise((resolve) => setImmediate(resolve));
}

function watching(...answers) {
  const around = outside();
  const looks = [];
  const watch = new Watch(
    async () => {
      looks.push(around.now());
      const answer = answers.shift();
      if (answer) throw answer;
    },
    around,
    () => {},
  );
  return { watch, looks, clock: around.clock };
}

test('an answer is current until it is old', async () => {
  const { watch, clock } = watching();
  assert.equal(watch.isCurrent, false);
  void watch.run();
  await settled();
  assert.equal(watch.isCurrent, true);
  clock.at += LIVE.staleMs;
  assert.equal(watch.isCurrent, true);
  clock.at += 1;
  assert.equal(watch.isCurrent, false);
  watch.stop();
});

test('a failure is known at once, and forgotten with the next answer', async () => {
  const { watch, clock } = watching(undefined, new HubError(503, ''));
  void watch.run();
  await settled();
  clock.waits.shift()();
  await settled();
  assert.deepEqual([watch.error?.status, watch.isCurrent], [503, false]);
  clock.waits.shift()();
  await settled();
  assert.deepEqual([watch.error, watch.isCurrent], [null, true]);
  watch.stop();
});

test('what is asked for at once does not wait, also while a look is under way', async () => {
  const { watch, looks } = watching();
  void watch.run();
  watch.lookNow();
  await settled();
  assert.equal(looks.length, 2);
  watch.lookNow();
  await settled();
  assert.equal(looks.length, 3);
  watch.stop();
});

test('nothing is asked while nobody looks, nor after the end', async () => {
  const { watch, looks, clock } = watching();
  watch.isPaused = true;
  void watch.run();
  await settled();
  clock.waits.shift()();
  await settled();
  assert.equal(looks.length, 0);
  watch.isPaused = false;
  watch.lookNow();
  await settled();
  assert.equal(looks.length, 1);
  watch.stop();
  watch.lookNow();
  await settled();
  assert.equal(looks.length, 1);
});
