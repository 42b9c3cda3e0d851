// The rentals of a device: the one in progress, those before, and the chart of one of them.
import { html, nothing } from '../vendor/lit-html/lit-html.js';
import { clockTime, moment, percent, t } from '../texts.js';
import { lightOf } from '../wall/model.js';
import { chartOf, DRAWING, yOf } from './chart.js';

/** So many are said in words: a light may go back and forth. */
const LIGHTS = 8;

/**
 * @param {import('./device.js').Device} device
 * @param {(rental: string) => void} onChoice
 */
export function historyView(device, onChoice) {
  const { rentals, shown } = device;
  return html`<section aria-labelledby="device-rentals">
    <h2 id="device-rentals">${t('device_rentals')}</h2>
    ${shown === null
      ? html`<p>${t('device_no_rentals')}</p>`
      : html`<div class="row" role="group" aria-labelledby="device-rentals">
            ${rentals.map((each) => choice(each, each === shown, onChoice))}
          </div>
          ${rentalView(shown, device)}`}
  </section>`;
}

function choice(rental, isShown, onChoice) {
  return html`<button
    type="button"
    aria-pressed=${isShown}
    @click=${() => onChoice(rental.id)}
  >
    ${rental.ticket ?? rental.short_id} · ${moment(rental.opened_at)}
  </button>`;
}

function rentalView(rental, { history, historyOf }) {
  const { collected_at: collected, opened_at: opened } = rental;
  const from = moment(opened);
  const text = collected
    ? t('device_rental_over', { from, to: moment(collected) })
    : t('device_rental_open', { from });
  const isMissing = collected && rental.widget && rental.widget_returned_at === null;
  return html`<p>${text} ${isMissing ? html`<b>${t('device_widget_missing')}</b>` : nothing}</p>
    ${history === null || historyOf !== rental.id
      ? html`<p>${t('connecting')}</p>`
      : chartView(history, Date.parse(opened), collected ? Date.parse(collected) : Date.now())}`;
}

function chartView(history, from, to) {
  const { levels, lights } = history;
  if (!levels.length) return html`<p>${t('device_no_levels')}</p>`;
  const { line, since, strip } = chartOf(history, from, to);
  const [first, last] = [levels[0], levels[levels.length - 1]];
  const words = t('device_chart', {
    from: moment(first.at),
    to: moment(last.at),
    first: percent(first.level),
    last: percent(last.level),
  });
  const bottom = DRAWING.levels + DRAWING.gap + DRAWING.strip;
  return html`<figure>
    <svg class="chart" viewBox="-34 -8 ${DRAWING.width + 40} ${bottom + 10}" role="img" aria-label=${words}>
      <path class="grid" d="M0 ${yOf(100)}h${DRAWING.width}M0 ${yOf(50)}h${DRAWING.width}M0 ${yOf(0)}h${DRAWING.width}" />
      <text x="-4" y=${yOf(100) + 4}>${percent(100)}</text>
      <text x="-4" y=${yOf(50) + 4}>${percent(50)}</text>
      <text x="-4" y=${yOf(0) + 4}>${percent(0)}</text>
      <path class="line" d=${line} />
      <path class="since" d=${since} />
      <path class="charging" d=${strip.charging} />
      <path class="soon" d=${strip.charging80} />
      <path class="ready" d=${strip.charged} />
    </svg>
    <figcaption>
      <p class="times"><span>${moment(from)}</span><span>${moment(to)}</span></p>
      <ul class="lights" role="list">
        ${lights.slice(-LIGHTS).map(lightView)}
      </ul>
    </figcaption>
  </figure>`;
}

function lightView({ at, light }) {
  const kind = lightOf(/** @type {import('../wall/model.js').Tile} */ ({ light }));
  if (kind === undefined) return nothing; // of a newer hub
  return html`<li class="count ${kind}">
    <svg aria-hidden="true"><use href="#shape-${kind}"></use></svg>
    ${t(kind)} ${clockTime(at)}
  </li>`;
}
