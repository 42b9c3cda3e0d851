// https://github.com/theturtle32/WebSocket-Node

"use strict";

const { client: WebSocketClient } = require("websocket");
const { start } = require("./device.js");

start((address, reading, hear) => {
  const client = new WebSocketClient();
  client.on("connect", (connection) => {
    hear.open();
    if (reading) connection.sendUTF(reading);
    connection.on("message", (message) => hear.message(message.utf8Data));
    connection.on("close", hear.closed);
    connection.on("error", hear.failed);
  });
  client.on("connectFailed", hear.failed);
  client.connect(address);
});
