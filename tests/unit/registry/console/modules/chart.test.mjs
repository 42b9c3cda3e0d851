// The chart of a rental.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  chartOf,
  DRAWING,
  yOf,
} from '../../../../../services/registry/console/static/device/chart.js';

const FROM = Date.parse('2026-11-30T20:00:00Z');
const TO = Date.parse('2026-11-30T22:00:00Z');
const BOTTOM = DRAWING.levels + DRAWING.gap + DRAWING.strip;

function at(minutes) {
  return new Date(FROM + minutes * 60_000).toISOString();
}

function history(levels, lights = []) {
  return {
    levels: levels.map(([minutes, level]) => ({ at: at(minutes), level })),
    lights: lights.map(([minutes, light]) => ({ at: at(minutes), light })),
    estimate: null,
  };
}

test('a level is as high as it is full, at its time', () => {
  const { line, since } = chartOf(history([[0, 0], [60, 50], [90, 100]]), FROM, TO);
  const half = DRAWING.width / 2;
  assert.equal(line, `M0 ${DRAWING.levels}L${half} ${DRAWING.levels / 2}L${half * 1.5} 0`);
  // Nothing new since.
  assert.equal(since, `M${half * 1.5} 0H${DRAWING.width}`);
  assert.equal(yOf(100), 0);
});

test('a light lasts until the next one, and higher ones are higher', () => {
  const lights = [[0, 'charging'], [30, 'charging80'], [60, 'charged'], [90, 'charging']];
  const { strip } = chartOf(history([[0, 10]], lights), FROM, TO);
  const [quarter, half] = [DRAWING.width / 4, DRAWING.width / 2];
  assert.equal(
    strip.charging,
    `M0 ${BOTTOM}v-4H${quarter}v4z` + `M${quarter * 3} ${BOTTOM}v-4H${DRAWING.width}v4z`,
  );
  assert.equal(strip.charging80, `M${quarter} ${BOTTOM}v-8H${half}v8z`);
  assert.equal(strip.charged, `M${half} ${BOTTOM}v-12H${quarter * 3}v12z`);
});

test('what is not known is not drawn', () => {
  const empty = chartOf(history([]), FROM, TO);
  assert.deepEqual([empty.line, empty.since], ['', '']);
  const { strip } = chartOf(history([], [[0, 'a-light-of-a-newer-hub']]), FROM, TO);
  assert.deepEqual(strip, { charging: '', charging80: '', charged: '' });
});

test('nothing is drawn outside, also where clocks differ', () => {
  const { line } = chartOf(history([[-5, 10], [500, 20]]), FROM, TO);
  assert.match(line, /^M0 .*L320 /);
  const short = chartOf(history([[0, 10]]), FROM, FROM);
  assert.equal(short.line, `M0 ${yOf(10)}`);
});
