// A hand-over and a collection over the registry's REST API, with the types of its OpenAPI
// document: node built/hand_over.js http://127.0.0.1:3300 [API key]

import { randomUUID } from "node:crypto";

import createClient from "openapi-fetch";

import type { components, paths } from "./chargelight.js";

type Problem = components["schemas"]["Problem"];

const [url, key] = process.argv.slice(2);
if (url === undefined) throw new Error("name the registry's URL");

const registry = createClient<paths>({
  baseUrl: url,
  headers: key === undefined ? {} : { Authorization: `Bearer ${key}` },
});

/** Return what was answered; throw what the registry says about an error. */
function answered<Data>(answer: { data?: Data; error?: Problem }): NonNullable<Data> {
  if (answer.error !== undefined) throw new Error(answer.error.detail);
  return answer.data!;
}

const charger = { params: { path: { device_id: "c1" } } };
const widget = { params: { path: { device_id: "w1" } } };
answered(await registry.PUT("/chargers/{device_id}", { ...charger, body: { label: "Booth 3" } }));
answered(await registry.PUT("/widgets/{device_id}", widget));

const pairing = answered(
  await registry.PUT("/pairings/{charger_id}", {
    params: { path: { charger_id: "c1" } },
    body: { widget: "w1" },
  }),
);

const rental = { params: { path: { rental_id: randomUUID() } } };
const opened = answered(
  await registry.PUT("/rentals/{rental_id}", { ...rental, body: { charger: "c1", ticket: "0815" } }),
);
const taken = await registry.PUT("/rentals/{rental_id}", {
  params: { path: { rental_id: randomUUID() } },
  body: { charger: "c1" },
});
const state = answered(
  await registry.GET("/chargers/{charger_id}/state", { params: { path: { charger_id: "c1" } } }),
);
const collected = answered(
  await registry.PUT("/rentals/{rental_id}/collection", { ...rental, body: { pairing: "end" } }),
);
const rentals = answered(
  await registry.GET("/rentals", { params: { query: { state: "collected", ticket: "0815" } } }),
);

console.log(
  JSON.stringify({
    paired: pairing.widget,
    handedOver: [opened.charger, opened.widget, opened.ticket, opened.projected],
    refused: taken.error?.status,
    newPairing: opened.pairing_number > pairing.pairing_number,
    state: [state.id, state.online, state.widget, state.status],
    collected: collected.collected_at !== null,
    found: rentals.items.map((each) => each.id === opened.id),
  }),
);
