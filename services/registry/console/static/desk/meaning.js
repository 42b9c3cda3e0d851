// What an answer of `/find` means at the desk. No I/O, no page.

/**
 * @typedef {{id: string, charger: string, booth: string | null, label: string | null,
 *   location: string | null, widget: string | null, ticket: string | null, opened_at: string,
 *   reached_100_at: string | null, collected_at: string | null, widget_returned_at: string | null,
 *   paired_before: boolean, pairing_kept: boolean | null, short_id: string, projected: boolean,
 * }} Rental as `ShownRental` of /openapi.json
 *
 * @typedef {{id: string, label: string, location: string, booth: string | null}} Device
 *
 * @typedef {{
 *   what: 'charger' | 'widget' | 'rental', exact: boolean,
 *   charger?: Device & {widget: string | null} | null,
 *   widget?: Device & {charger: string | null} | null,
 *   rental?: Rental | null,
 * }} FoundThing
 *
 * @typedef {{items: FoundThing[], more: boolean}} Found
 *
 * @typedef {Device &
 *   {kind: 'charger' | 'widget', partner: string | null, rental: Rental | null}} Choice
 *   rental: that it is in; null: it is free
 */

/**
 * What may be handed over by a text.
 * @param {Found} found
 * @returns {{take: Choice[]} | {choices: Choice[]}} what it names, or what it may name
 */
export function devicesIn(found) {
  const all = found.items.flatMap(choiceOf);
  const exact = found.items.filter((each) => each.exact).flatMap(choiceOf);
  if (exact.length === 1) return { take: exact };
  // The two of a pair may have one label.
  if (exact.length === 2 && exact[0].partner === exact[1].id) return { take: exact };
  const choices = exact.length ? exact : all;
  // What is free comes first: a busy booth has few of them.
  return { choices: choices.sort((a, b) => Number(a.rental !== null) - Number(b.rental !== null)) };
}

/**
 * @param {FoundThing} thing
 * @returns {Choice[]} none: it is no device
 */
function choiceOf({ what, charger, widget, rental }) {
  const device = charger ?? widget;
  if (what === 'rental' || !device) return [];
  const partner = (charger ? charger.widget : widget?.charger) ?? null;
  const isInUse = rental && rental.collected_at === null;
  const { id, label, location, booth } = device;
  return [{ id, label, location, booth, kind: what, partner, rental: isInUse ? rental : null }];
}

/**
 * What may be collected by a text.
 * @param {Found} found
 * @returns {{rental: Rental} | {choices: Rental[]} | {over: Rental} | {free: Device}} what it names:
 *   something that can be collected, that was, or a device without a phone; or what it may name
 */
export function rentalsIn(found) {
  const exact = found.items.filter((each) => each.exact);
  const named = unique(exact).filter(waits);
  if (named.length) return named.length === 1 ? { rental: named[0] } : { choices: named };
  const over = unique(exact)[0];
  if (over) return { over };
  const free = exact.map(({ charger, widget }) => charger ?? widget).find(Boolean);
  if (free) return { free };
  return { choices: unique(found.items).filter(waits) };
}

/** Whether its phone, or its widget, is still out. @param {Rental} rental */
export function waits(rental) {
  return rental.collected_at === null || isWidgetMissing(rental);
}

/** @param {Rental} rental */
export function isWidgetMissing({ collected_at, widget, widget_returned_at }) {
  return collected_at !== null && widget !== null && widget_returned_at === null;
}

/**
 * @param {FoundThing[]} things
 * @returns {Rental[]}
 */
function unique(things) {
  const rentals = things.flatMap(({ rental }) => (rental ? [[rental.id, rental]] : []));
  return [...new Map(/** @type {[string, Rental][]} */ (rentals)).values()];
}
