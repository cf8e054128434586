// A program that knows nothing of Limpet, on Node's `ws`: connects once, says COUNT messages of the
// relay's form with ids, waits until it has been given COUNT, and closes. Prints what it saw as JSON.
//
// node say_ws.js URL COUNT
'use strict';
const { WebSocket } = require('ws');

const [url, count] = [process.argv[2], Number(process.argv[3])];
const seen = { ids: [], acks: 0, opened: 0, pongs: 0, code: null, error: null };
const socket = new WebSocket(url);

function end() {
  process.stdout.write(JSON.stringify(seen), () => process.exit(0));
}

// As a program would that sends what comes up: a piece at a time, not faster than the socket takes it.
function say(next) {
  if (next >= count || socket.readyState !== WebSocket.OPEN) return;
  const piece = Math.min(next + 50, count);
  for (let i = next; i < piece; i += 1) {
    socket.send(JSON.stringify({ type: 'message', id: `m${i}`, plaintext: `text ${i}` }));
  }
  const goOn = () => (socket.bufferedAmount > 65536 ? setTimeout(goOn, 5) : setImmediate(say, piece));
  goOn();
}

socket.on('open', () => {
  seen.opened += 1;
  say(0);
});
socket.on('pong', () => {
  seen.pongs += 1;
  socket.close(1000);
});
socket.on('message', (data) => {
  const message = JSON.parse(data.toString());
  if (message.type === 'ack') seen.acks += 1;
  if (message.type !== 'message') return;
  seen.ids.push(message.id);
  if (seen.ids.length === count) socket.ping();
});
socket.on('error', (error) => {
  seen.error = String(error);
});
socket.on('close', (code) => {
  seen.code = code;
  end();
});
