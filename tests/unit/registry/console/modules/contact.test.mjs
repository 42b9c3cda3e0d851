// Contact with the hub is lost and found again, in time that a test lets pass.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  Contact,
  pauseAfter,
} from '../../../../../services/registry/console/static/feed/contact.js';
import { Tiles } from '../../../../../services/registry/console/static/feed/tiles.js';

const HUB = { redis_away_since: null, postgres_away_since: null };
const STEP_MS = 50;

/** A hub, a network and a clock; while the network is away, no question is ever answered. */
class World {
  /**
   * pieces: so many a snapshot comes in, five seconds after one another; comes: after so many of
   * them, nothing does any more.
   */
  constructor({ pieces = 1, comes = Infinity } = {}) {
    this.pieces = pieces;
    this.comes = comes;
    this.time = 1_000_000;
    this.timers = new Set();
    this.isAway = false;
    this.status = 200;
    this.number = 1;
    this.streams = new Set();
    this.asked = [];
    this.tiles = new Tiles();
    const outside = {
      get: (path, signal) => this.#get(path, signal),
      now: () => this.time,
      wait: (ms, signal) => this.#wait(ms, signal),
      random: () => 0.5,
    };
    this.contact = new Contact(this.tiles, 'near', outside, () => {});
    this.running = this.contact.run();
  }

  /** Let time pass; the hub says something each second. */
  async pass(ms) {
    for (const end = this.time + ms; this.time < end; this.time += STEP_MS) {
      if (this.time % 1000 === 0) this.say(': ping\n\n');
      for (const timer of [...this.timers]) {
        if (timer.at <= this.time) {
          this.timers.delete(timer);
          timer.resolve();
        }
      }
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    }
  }

  say(text) {
    if (this.isAway) return;
    for (const stream of this.streams) stream.enqueue(new TextEncoder().encode(text));
  }

  light(status) {
    this.number += 1;
    const tile = { charger: 'c1', light: status, pairing_number: 1, revision: [1, this.number] };
    this.say(`event: tiles\ndata: ${JSON.stringify([tile])}\nid: a-${this.number}\n\n`);
  }

  end() {
    for (const stream of this.streams) stream.close();
    this.streams.clear();
  }

  async stop() {
    this.contact.stop();
    await this.pass(1000);
    await this.running;
  }

  #wait(ms, signal) {
    return new Promise((resolve) => {
      const timer = { at: this.time + ms, resolve };
      this.timers.add(timer);
      signal?.addEventListener('abort', () => {
        this.timers.delete(timer);
        resolve(undefined);
      });
    });
  }

  #get(path, signal) {
    this.asked.push(path);
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason));
      if (this.isAway) return; // it is lost, and so is its answer
      if (path === 'console/hub.json') resolve(Response.json({}));
      else if (this.status !== 200) resolve(new Response(null, { status: this.status }));
      else if (path.startsWith('live/snapshot')) {
        const text = JSON.stringify({ position: `a-${this.number}`, hub: HUB, tiles: [] });
        resolve(new Response(this.pieces === 1 ? text : this.#slowly(text, signal)));
      } else resolve(new Response(this.#stream(signal)));
    });
  }

  #slowly(text, signal) {
    const size = Math.ceil(text.length / this.pieces);
    let sent = 0;
    return new ReadableStream(
      {
        pull: async (stream) => {
          await this.#wait(sent < this.comes ? 5000 : 1e9, signal).catch(() => {});
          if (signal.aborted) stream.error(signal.reason);
          else stream.enqueue(new TextEncoder().encode(text.slice(sent * size, (sent + 1) * size)));
          sent += 1;
          if (sent === this.pieces && !signal.aborted) stream.close();
        },
      },
      { highWaterMark: 0 },
    );
  }

  #stream(signal) {
    return new ReadableStream({
      start: (stream) => {
        this.streams.add(stream);
        signal.addEventListener('abort', () => {
          if (this.streams.delete(stream)) stream.error(signal.reason);
        });
      },
    });
  }
}

test('a wall takes a snapshot, then the stream from there', async () => {
  const world = new World();
  assert.equal(world.contact.state, 'connecting');
  await world.pass(1000);
  assert.equal(world.contact.state, 'live');
  assert.deepEqual(world.asked, ['live/snapshot?booth=near', 'live?booth=near&position=a-1']);
  world.light('charged');
  await world.pass(100);
  assert.equal(world.tiles.get('c1').light, 'charged');
  await world.stop();
});

test('a snapshot that comes slowly is waited for, and one that stops coming is not', async () => {
  const world = new World({ pieces: 4 });
  await world.pass(18_000);
  assert.deepEqual(world.asked, ['live/snapshot?booth=near']);
  await world.pass(4000);
  assert.deepEqual(world.asked, ['live/snapshot?booth=near', 'live?booth=near&position=a-1']);
  assert.equal(world.contact.state, 'live');
  await world.stop();
  const stalled = new World({ pieces: 4, comes: 2 });
  await stalled.pass(18_000);
  assert.equal(stalled.asked[1], 'console/hub.json', 'it looks whether the hub is there');
  await stalled.stop();
});

test('a network that is away for 30 s is missed within 3 s, and back within 2 s', async () => {
  const world = new World();
  await world.pass(5000);
  world.isAway = true;
  await world.pass(3000);
  assert.equal(world.contact.state, 'lost');
  const heardAt = world.contact.heardAt;
  await world.pass(27_000);
  assert.equal(world.contact.state, 'lost');
  assert.equal(world.contact.heardAt, heardAt, 'since when there is none');
  world.isAway = false;
  world.number = 7;
  await world.pass(2000);
  assert.equal(world.contact.state, 'live');
  assert.equal(world.asked.at(-1), 'live?booth=near&position=a-1', 'it goes on where it was');
  await world.stop();
});

test('a browser that says there is no network is believed until the hub is heard', async () => {
  const world = new World();
  await world.pass(2000);
  world.contact.cutOff();
  assert.equal(world.contact.state, 'lost');
  await world.pass(1500);
  assert.equal(world.contact.state, 'live');
  await world.stop();
});

test('a registry that restarts is not missed', async () => {
  const world = new World();
  await world.pass(2000);
  world.end();
  for (let i = 0; i < 20; i += 1) {
    await world.pass(100);
    assert.equal(world.contact.state, 'live');
  }
  assert.equal(world.asked.length, 3);
  await world.stop();
});

test('a hub that cannot answer is asked less and less often', async () => {
  const world = new World();
  world.status = 503;
  await world.pass(60_000);
  assert.ok(world.contact.isTroubled);
  assert.equal(world.contact.state, 'lost');
  assert.ok(world.asked.length < 20, String(world.asked.length));
  assert.deepEqual(
    [1, 2, 3, 20].map((failures) => pauseAfter(failures, 1)),
    [250, 500, 1000, 8000],
  );
  world.status = 200;
  await world.pass(8000);
  assert.equal(world.contact.state, 'live');
  await world.stop();
});

test('a key that has ended is noticed, and not asked with again', async () => {
  const world = new World();
  await world.pass(2000);
  world.status = 401;
  world.end();
  await world.pass(2000);
  assert.equal(world.contact.refused, 401);
  const asked = world.asked.length;
  await world.pass(20_000);
  assert.equal(world.asked.length, asked);
  await world.running;
});

test('nothing is open while nobody looks', async () => {
  const world = new World();
  await world.pass(2000);
  world.contact.pause();
  await world.pass(1000);
  const asked = world.asked.length;
  assert.equal(world.streams.size, 0);
  await world.pass(60_000);
  assert.equal(world.asked.length, asked);
  assert.notEqual(world.contact.state, 'live', 'what is shown is old');
  world.contact.resume();
  assert.equal(world.contact.state, 'connecting');
  await world.pass(500);
  assert.equal(world.contact.state, 'live');
  assert.equal(world.asked.length, asked + 1);
  await world.stop();
});
