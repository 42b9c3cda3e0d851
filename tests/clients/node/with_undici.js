// https://undici.nodejs.org: the WebSocket that newer versions of Node have built in.

"use strict";

const { WebSocket } = require("undici");
const { start } = require("./device.js");

start((address, reading, hear) => {
  const connection = new WebSocket(address);
  connection.onopen = () => {
    hear.open();
    if (reading) connection.send(reading);
  };
  connection.onmessage = (message) => hear.message(message.data);
  connection.onclose = (closed) => hear.closed(closed.code, closed.reason);
  connection.onerror = (event) => hear.failed(event.error);
});
