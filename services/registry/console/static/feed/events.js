// Reads Server-Sent Events as they come, in pieces of any size. No I/O.
//
// Not the browser's own EventSource: it cannot send the header that a session needs where there is
// no TLS, it does not say why it was refused, and it does not show the comments by which we know
// that the hub is still there.
//
// https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation

/**
 * Return a function that takes the stream's text, piece by piece.
 * @param {(event: {name: string, data: string, id: string}) => void} onEvent
 * @returns {(piece: string) => void}
 */
export function eventReader(onEvent) {
  let rest = '';
  /** @type {{name: string, data: string[], id: string}} */
  let found = { name: '', data: [], id: '' };

  function onLine(line) {
    if (line === '') {
      if (found.data.length) {
        onEvent({ name: found.name || 'message', data: found.data.join('\n'), id: found.id });
      }
      found = { name: '', data: [], id: '' };
      return;
    }
    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'event') found.name = value;
    else if (name === 'data') found.data.push(value);
    else if (name === 'id') found.id = value;
  }

  return (piece) => {
    // The \r of a \r\n may come in the piece before.
    const lines = (rest + piece).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    lines.forEach(onLine);
  };
}
