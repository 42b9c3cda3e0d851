// https://github.com/websockets/ws

"use strict";

const WebSocket = require("ws");
const { start } = require("./device.js");

start((address, reading, hear) => {
  const connection = new WebSocket(address);
  connection.on("open", () => {
    hear.open();
    if (reading) connection.send(reading);
  });
  connection.on("message", (data) => hear.message(data.toString()));
  connection.on("close", (code, reason) => hear.closed(code, reason.toString()));
  connection.on("error", hear.failed);
});
