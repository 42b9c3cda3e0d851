// How the tickets stand on the ready board.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  arrange,
  pageAt,
} from '../../../../../services/registry/console/static/device/board_model.js';

const SCREEN = { width: 1920, height: 920 };

test('few tickets are larger than many, and all are there', () => {
  const few = arrange({ ...SCREEN, count: 3, longest: 4 });
  const many = arrange({ ...SCREEN, count: 40, longest: 4 });
  assert.ok(few.size > 1.5 * many.size, `${few.size} ${many.size}`);
  assert.ok(few.each >= 3 && many.each >= 40);
});

test('no ticket is smaller than can be read: then they come one part after the other', () => {
  const { each, size } = arrange({ ...SCREEN, count: 200, longest: 6 });
  assert.ok(each < 200);
  assert.ok(size >= SCREEN.height / 10);
  const seen = new Set();
  for (let now = 0; now < 200_000; now += 4000) {
    const { page, pages } = pageAt(now, 200, each);
    assert.ok(page < pages);
    for (let index = page * each; index < Math.min(200, (page + 1) * each); index += 1) {
      seen.add(index);
    }
  }
  assert.equal(seen.size, 200);
});

test('a long ticket has a column that is wide enough, or all of the width', () => {
  const { columns, size } = arrange({ ...SCREEN, count: 4, longest: 12 });
  assert.ok((SCREEN.width / columns) >= size * 12 * 0.62);
  assert.equal(arrange({ width: 390, height: 700, count: 4, longest: 64 }).columns, 1);
});

test('one page is always the first', () => {
  assert.deepEqual(pageAt(123_456, 0, 10), { page: 0, pages: 1 });
  assert.deepEqual(pageAt(123_456, 10, 10), { page: 0, pages: 1 });
});
