// What the programs in this folder share; see ../python/device.py, which does the same.
//
// A program gives `start` a function connect(address, reading, hear): it connects, sends the
// reading if there is one, and calls hear.open(), hear.message(text), hear.closed(code, reason)
// and hear.failed(error).

"use strict";

function run(name, addresses, connect) {
  let number = 0;
  const say = (...words) => console.log(name, ...words);
  const next = () => {
    if (number === addresses.length) return;
    const data = { soc: number ? 100 : 70 };
    const reading = name === "charger" ? JSON.stringify({ event: "StateOfCharge", data }) : "";
    connect(addresses[number++], reading, hear);
  };
  const hear = {
    open: () => say("open"),
    message: (text) => say("message", text),
    closed: (code, reason) => {
      say("closed", code, reason);
      next();
    },
    failed: (error) => say("failed", error),
  };
  next();
}

exports.start = (connect) => {
  const words = process.argv.slice(2);
  run("charger", words.filter((_, place) => place % 2 === 0), connect);
  run("widget", words.filter((_, place) => place % 2 === 1), connect);
};
