// Keys, and codes to sign in with.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  drawn,
  isOnlyHere,
  isOver,
  timeLeft,
} from '../../../../../services/registry/console/static/office/keys.js';

const KEY = {
  id: '3f9a51c2d07e',
  name: 'anna',
  role: /** @type {const} */ ('viewer'),
  booth: null,
  created_at: '2026-11-30T10:00:00Z',
  last_used_at: null,
  expires_at: null,
  replaced_at: null,
  revoked_at: null,
};
const NOW = Date.parse('2026-11-30T12:00:00Z');

test('a key is over once it was revoked, or has ended', () => {
  assert.equal(isOver(KEY, NOW), false);
  assert.equal(isOver({ ...KEY, revoked_at: '2026-11-30T11:00:00Z' }, NOW), true);
  assert.equal(isOver({ ...KEY, expires_at: '2026-11-30T12:00:00Z' }, NOW), true);
  assert.equal(isOver({ ...KEY, expires_at: '2026-11-30T12:00:01Z' }, NOW), false);
});

test('what is drawn of a QR code is what is dark in it, with a margin of four', () => {
  const { width, path } = drawn(['101', '011', '000']);
  assert.equal(width, 11);
  assert.equal(path, 'M4 4h1v1h-1zM6 4h1v1h-1zM5 5h2v1h-2z');
});

test('the time that is left is never more than there is, and ends', () => {
  assert.equal(timeLeft(300_000), '5:00');
  assert.equal(timeLeft(64_001), '1:05');
  assert.equal(timeLeft(1), '0:01');
  assert.equal(timeLeft(0), null);
  assert.equal(timeLeft(-5), null);
});

test('an address of this computer only leads nowhere from a phone', () => {
  for (const each of ['localhost', '127.0.0.1', '[::1]']) assert.equal(isOnlyHere(each), true, each);
  for (const each of ['192.168.1.5', 'hub.local', '[fd00::1]', 'localhost.example']) {
    assert.equal(isOnlyHere(each), false, each);
  }
});
