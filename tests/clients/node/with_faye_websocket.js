// https://github.com/faye/faye-websocket-node

"use strict";

const { Client } = require("faye-websocket");
const { start } = require("./device.js");

start((address, reading, hear) => {
  const connection = new Client(address);
  connection.on("open", () => {
    hear.open();
    if (reading) connection.send(reading);
  });
  connection.on("message", (message) => hear.message(message.data));
  connection.on("close", (closed) => hear.closed(closed.code, closed.reason));
  connection.on("error", (error) => hear.failed(error.message));
});
