// Server-Sent Events are read as they come.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventReader } from '../../../../../services/registry/console/static/feed/events.js';

const STREAM =
  'event: hub\ndata: {"a":1}\nretry: 2000\n\n: ping\n\nevent: tiles\r\ndata: [1,\r\ndata: 2]\r\nid: f-2\r\n\r\n';
const EVENTS = [
  { name: 'hub', data: '{"a":1}', id: '' },
  { name: 'tiles', data: '[1,\n2]', id: 'f-2' },
];

test('however the stream is cut into pieces, its events are the same', () => {
  for (let size = 1; size <= STREAM.length; size += 1) {
    const heard = [];
    const read = eventReader((event) => heard.push(event));
    for (let at = 0; at < STREAM.length; at += size) read(STREAM.slice(at, at + size));
    assert.deepEqual(heard, EVENTS, `in pieces of ${size}`);
  }
});

test('an event that is not whole yet, and a comment, are none', () => {
  const heard = [];
  const read = eventReader((event) => heard.push(event));
  read(': ping\n\nevent: tiles\ndata: []\n');
  assert.deepEqual(heard, []);
  read('\n');
  assert.equal(heard.length, 1);
});
