// What is told of the hub, judged. No page, no clock, no network.

/**
 * Of /openapi.json.
 * @typedef {{
 *   id: string, service: string | null, version: string | null, started_at: string | null,
 *   ready: boolean | null, reason: string | null, age_seconds: number,
 *   connections: number | null, connections_max: number | null,
 *   partitions: number | null, overdue: number | null, overdue_seconds: number | null,
 * }} Instance
 * @typedef {{id: string, at: string, event: string, instance: string | null, detail: string | null}} Event
 * @typedef {{
 *   redis: {
 *     connected: boolean, reason: string | null, age_seconds: number | null,
 *     servers: {used_bytes: number, limit_bytes: number | null}[],
 *   },
 *   postgres: {
 *     connected: boolean, reason: string | null, age_seconds: number | null,
 *     version: string | null, connections: number | null, connections_max: number | null,
 *     size_bytes: number | null,
 *   },
 *   backups: {every_seconds: number, age_seconds: number | null, bytes: number | null} | null,
 *   instances: Instance[],
 *   waiting: {
 *     devices: number | null, unstored: number | null, overdue: number | null,
 *     overdue_seconds: number | null, changes: number | null, transitions: number | null,
 *   },
 *   events: Event[],
 * }} Hub
 */

/** After so long without a word an instance is lost. */
const LOST_SECONDS = 10;

/**
 * @param {Instance} instance
 * @param {number} age how old is what it said, in seconds
 * @param {boolean} isHeard whether the hub hears instances: not while Redis is away
 */
export function conditionOf({ ready }, age, isHeard) {
  if (age > LOST_SECONDS) return isHeard ? 'lost' : 'not_heard';
  return ready ? 'ready' : 'not_ready';
}

/**
 * In percent.
 * @param {number} used
 * @param {number} most
 */
export function shareOf(used, most) {
  return most > 0 ? (100 * used) / most : 100;
}

/**
 * Put what comes in the order of time below the days on which it was.
 * @template {{at: string}} T
 * @param {T[]} items
 * @param {(at: string) => string} nameOf
 * @returns {[string, T[]][]}
 */
export function byDay(items, nameOf) {
  /** @type {[string, T[]][]} */
  const days = [];
  for (const item of items) {
    const name = nameOf(item.at);
    const last = days.at(-1);
    if (last && last[0] === name) last[1].push(item);
    else days.push([name, [item]]);
  }
  return days;
}
