// One charger on the wall. Its shape and its words say what its colour says.
import { html, nothing } from '../vendor/lit-html/lit-html.js';
import { addressOf } from '../address.js';
import { inMinutes, minuteRange, percent, t } from '../texts.js';
import { kindOf, lightOf } from './model.js';

/** @typedef {import('../feed/tiles.js').Tile} Tile */

const PROBLEMS = ['offline', 'waiting', 'no_reading', 'not_in_effect'];

/**
 * @param {Tile} tile
 * @param {{
 *   now: number, isCurrent: boolean, position: number, count: number, booth: string | null,
 * }} shown now: by the hub's clock; isCurrent: whether what is known of it is; booth: of the wall
 */
export function tileView(tile, { now, isCurrent, position, count, booth }) {
  const kind = kindOf(tile);
  const word = t(kind);
  return html`<li
    class="tile ${kind} ${tile.problem ? 'has-problem' : ''}"
    data-charger=${tile.charger}
    aria-posinset=${position}
    aria-setsize=${count}
  >
    <a href=${addressOf('charger', { id: tile.charger, booth })}>
      <p class="name">
        <span class="label">${tile.label || tile.charger}</span>
        <span class="ticket">${tile.rental?.ticket ?? ''}</span>
      </p>
      <p class="level">${tile.level === null ? '–' : percent(tile.level)}</p>
      <p class="word">
        <svg aria-hidden="true"><use href="#shape-${kind}"></use></svg>
        ${isCurrent ? word : t('last', { word })}
      </p>
      <p class="more">${isCurrent ? more(tile, now) : nothing}</p>
    </a>
  </li>`;
}

function more(tile, now) {
  if (tile.problem) {
    const name = PROBLEMS.includes(tile.problem) ? tile.problem : 'other';
    return html`<svg aria-hidden="true"><use href="#shape-problem"></use></svg> ${t(
        `problem_${name}`,
      )}<br />${tile.online ? nothing : lastLight(tile)}`;
  }
  if (!tile.online) return lastLight(tile);
  if (tile.light === 'charged') {
    if (tile.light_since === null) return nothing;
    return t('ready_for', { minutes: inMinutes(minutesBetween(tile.light_since, now)) });
  }
  return tile.ready ? readyIn(tile.ready, now) : nothing;
}

/** Of one that is offline; the widget of one that is not shows what the tile shows. */
function lastLight(tile) {
  return tile.light === null ? nothing : t('light', { word: t(lightOf(tile)) });
}

function readyIn({ earliest_at, latest_at }, now) {
  const latest = -minutesBetween(latest_at, now);
  // It is later than it was thought to be: the next reading will tell.
  if (latest < 1) return nothing;
  const earliest = Math.max(0, -minutesBetween(earliest_at, now));
  return t('ready_in', { minutes: minuteRange(earliest, latest) });
}

/** @param {string} when */
function minutesBetween(when, now) {
  return Math.trunc((now - Date.parse(when)) / 60_000);
}
