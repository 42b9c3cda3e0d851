// Only what is in sight is in the page.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inSight } from '../../../../../services/registry/console/static/wall/window.js';

test('wherever one is in a list, all that is in sight is shown, and little else', () => {
  for (const count of [0, 1, 7, 200, 10_000]) {
    for (const columns of [1, 2, 7]) {
      const rowHeight = 100;
      const height = 640;
      const all = Math.ceil(count / columns) * rowHeight;
      for (let above = 0; above <= all + 500; above += 333) {
        const found = inSight({ count, columns, rowHeight, above, height });
        assert.equal(found.height, all);
        assert.ok(found.end - found.first <= columns * (Math.ceil(height / rowHeight) + 5));
        const from = Math.min(count, Math.floor(above / rowHeight) * columns);
        const to = Math.min(count, Math.ceil((above + height) / rowHeight) * columns);
        assert.ok(found.first <= from && found.end >= to, JSON.stringify({ count, above, found }));
        assert.equal(found.offset, (found.first / columns) * rowHeight);
      }
    }
  }
});
