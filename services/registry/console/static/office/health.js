// The hub at a glance: what runs, what waits, what happened.
import { html, nothing } from '../vendor/lit-html/lit-html.js';
import { saidOf } from '../errors.js';
import { ask } from '../hub.js';
import { clockTime, percent, t } from '../texts.js';
import { RECORDS, watchFor, watchWhileSeen } from '../watch.js';
import { count, day, size, span } from './figures.js';
import { byDay, conditionOf, shareOf } from './hub_model.js';

/** After which an answer is old: by then there should have been others. */
const OLD_MS = 3 * RECORDS.againMs;

export class HealthPage {
  /** @param {import('../app.js').App} app */
  constructor(app) {
    this.app = app;
    /** @type {import('./hub_model.js').Hub | null} */
    this.hub = null;
    this.heardAt = 0;
    this.shownEvents = 10;
    this.watch = watchFor(app, () => this.#look(), RECORDS);
    this.end = () => {};
  }

  start() {
    this.end = watchWhileSeen([this.watch], this.app.update);
  }

  stop() {
    this.end();
  }

  async #look() {
    this.hub = await ask('GET', 'hub', { timeoutMs: OLD_MS });
    this.heardAt = Date.now();
  }

  view() {
    const { hub } = this;
    return html`<main class="office health">
      <h1>${t('screen_health')}</h1>
      ${hub === null ? this.#nothingYet() : this.#content(hub)}
    </main>`;
  }

  #nothingYet() {
    const { error } = this.watch;
    return error === null
      ? html`<p role="status">${t('one_moment')}</p>`
      : html`<p role="alert">${saidOf(error)}</p>`;
  }

  #content(hub) {
    const since = Math.max(0, Date.now() - this.heardAt);
    const isOld = since > OLD_MS;
    const away = ['redis', 'postgres'].filter((name) => !hub[name].connected);
    const isLive = !isOld && !away.length;
    const said = isLive ? t('live') : isOld ? this.#lost() : t('health_away');
    return html`<p class="contact ${isLive ? 'is-live' : 'is-lost'}" role="status">${said}</p>
      <div class="all ${isOld ? 'not-current' : ''}">
        ${isOld ? html`<p>${t('health_as_of', { span: span(since / 1000) })}</p>` : nothing}
        <h2>${t('health_servers')}</h2>
        <div class="cards">
          ${this.#redis(hub, since)} ${this.#postgres(hub, since)} ${this.#waiting(hub)}
          ${hub.backups === null ? nothing : this.#backups(hub.backups, since)}
        </div>
        <h2>${t('health_instances')}</h2>
        <ul class="cards" role="list">
          ${hub.instances.map((each) => this.#instance(each, since, hub.redis.connected))}
        </ul>
        <h2>${t('health_events')}</h2>
        ${this.#events(hub.events)}
      </div>`;
  }

  /** It may answer, but not this: it cannot check who asks while Postgres is away. */
  #lost() {
    const { error } = this.watch;
    return error?.status ? saidOf(error) : t('no_contact_since', { time: clockTime(this.heardAt) });
  }

  #redis({ redis }, since) {
    const { servers } = redis;
    const used = servers.map(({ used_bytes, limit_bytes }) =>
      limit_bytes === null
        ? size(used_bytes)
        : t('health_of', {
            used: size(used_bytes),
            most: size(limit_bytes),
            share: percent(shareOf(used_bytes, limit_bytes)),
          }),
    );
    return card('Redis', server(redis, since), [
      ...used.map((text, index) => [
        used.length > 1 ? t('health_memory_of', { number: index + 1 }) : t('health_memory'),
        text,
      ]),
    ]);
  }

  #postgres({ postgres }, since) {
    const { version, connections, connections_max: most, size_bytes: bytes } = postgres;
    return card(`Postgres ${version ?? ''}`, server(postgres, since), [
      connections === null ? null : [t('health_connections'), ofMost(connections, most)],
      bytes === null ? null : [t('health_size'), size(bytes)],
    ]);
  }

  #backups({ every_seconds: every, age_seconds: age, bytes }, since) {
    const isLate = age === null || age + since / 1000 > 2 * every;
    const said = age === null ? t('health_no_backup') : t('health_backup', { span: span(age + since / 1000) });
    return card(t('health_backups'), mark(isLate ? 'problem' : 'ready', said), [
      [t('health_every'), span(every)],
      bytes === null ? null : [t('health_size'), size(bytes)],
    ]);
  }

  #waiting({ waiting }) {
    const { overdue_seconds: oldest } = waiting;
    const known = ['devices', 'unstored', 'overdue', 'changes', 'transitions'].filter(
      (name) => waiting[name] !== null,
    );
    const isMuch = (waiting.devices ?? 0) + (waiting.overdue ?? 0) > 0;
    return card(
      t('health_waiting'),
      mark(isMuch ? 'problem' : 'ready', isMuch ? t('health_waits') : t('health_nothing_waits')),
      [
        ...known.map((name) => [t(`health_waiting_${name}`), count(waiting[name])]),
        oldest === null ? null : [t('health_oldest'), span(oldest)],
      ],
    );
  }

  #instance(instance, since, isHeard) {
    const { id, service, version, connections, connections_max: most, partitions } = instance;
    const age = instance.age_seconds + since / 1000;
    const { overdue, overdue_seconds: oldest, started_at: started } = instance;
    const title = html`<b>${id}</b> <span class="quiet">${service} ${version}</span>`;
    const said = {
      ready: t('health_ready'),
      not_ready: html`${t('health_not_ready')} <span lang="en">${instance.reason}</span>`,
      lost: t('health_lost', { span: span(age) }),
      not_heard: t('health_not_heard', { span: span(age) }),
    };
    const kinds = { ready: 'ready', not_ready: 'problem', lost: 'offline', not_heard: 'offline' };
    const condition = conditionOf(instance, age, isHeard);
    return html`<li class="card">
      <h3>${title}</h3>
      ${mark(kinds[condition], said[condition])}
      ${figures([
        connections === null ? null : [t('health_connections'), ofMost(connections, most)],
        partitions === null ? null : [t('health_partitions'), count(partitions)],
        overdue === null ? null : [t('health_waiting_overdue'), count(overdue)],
        oldest === null ? null : [t('health_oldest'), span(oldest)],
        started === null ? null : [t('health_since'), `${day(started)}, ${clockTime(started)}`],
      ])}
    </li>`;
  }

  /** @param {import('./hub_model.js').Event[]} events */
  #events(events) {
    if (!events.length) return html`<p>${t('health_no_events')}</p>`;
    const more = () => {
      this.shownEvents = events.length;
      this.app.update();
    };
    const days = byDay(events.slice(0, this.shownEvents), day);
    return html`${days.map(
        ([name, each]) => html`<h3>${name}</h3>
          <ol class="lines" role="list">
            ${each.map(eventView)}
          </ol>`,
      )}
      ${events.length > this.shownEvents
        ? html`<button type="button" @click=${more}>${t('show_more')}</button>`
        : nothing}`;
  }
}

/** @param {import('./hub_model.js').Event} event */
function eventView({ at, event, instance, detail }) {
  const values = { instance: instance ?? '', detail: detail ?? '' };
  const known = {
    started: () => t('health_event_started', values),
    stopped: () => t('health_event_stopped', values),
    restarted: () => t('health_event_restarted', values),
    lost: () => t('health_event_lost', values),
    back: () => t('health_event_back', values),
    ready: () => t('health_event_ready', values),
    not_ready: () => t('health_event_not_ready', values),
    silence: () => t('health_event_silence', { span: span(Number(detail) || 0) }),
    redis_emptied: () => t('health_event_redis_emptied'),
  };
  const said = Object.hasOwn(known, event) ? known[event]() : `${event} ${instance ?? ''}`;
  return html`<li><time datetime=${at}>${clockTime(at)}</time> <span>${said}</span></li>`;
}

function server({ connected, reason, age_seconds: age }, since) {
  if (connected) return mark('ready', t('health_answers'));
  const as =
    age === null ? t('health_never') : t('health_as_of', { span: span(age + since / 1000) });
  return html`${mark('problem', t('health_server_away'))}
    <p>${as}</p>
    ${reason ? html`<p class="quiet" lang="en">${reason}</p>` : nothing}`;
}

function card(title, said, rows) {
  return html`<section class="card">
    <h3>${title}</h3>
    ${said} ${figures(rows)}
  </section>`;
}

function mark(kind, said) {
  return html`<p class="word ${kind}">
    <svg aria-hidden="true"><use href="#shape-${kind}"></use></svg><span>${said}</span>
  </p>`;
}

function figures(rows) {
  const known = rows.filter((each) => each !== null);
  if (!known.length) return nothing;
  return html`<dl>
    ${known.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}
  </dl>`;
}

function ofMost(value, most) {
  if (most === null) return count(value);
  const share = percent(shareOf(value, most));
  return t('health_of', { used: count(value), most: count(most), share });
}
