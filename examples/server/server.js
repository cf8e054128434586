// The other end of a conversation that outlives its sockets, on Node's `ws`:
//   [TOKEN=secret] node server.js [PORT]      prints its port; docs/your-server.md explains it
'use strict';
const http = require('http');
const { WebSocketServer, WebSocket } = require('ws');

const HIGH_WATER = 1 << 20; // bytes that may wait for one reader
const ANSWERS_MAX = 256; // that wait; then the sender is read no further
const log = []; // in your database: sequence_number grows, id is UNIQUE
const known = new Map(); // id -> sequence_number
let isDraining = false;

// Stored once, however often it comes. In your database: commit before you return.
function store({ id, plaintext }) {
  if (!known.has(id)) {
    known.set(id, log.length + 1);
    log.push(JSON.stringify({ type: 'message', id, plaintext, sequence_number: log.length + 1 }));
    for (const socket of sockets.clients) pump(socket);
  }
  return known.get(id);
}

const isId = (id) => typeof id === 'string' && id !== '' && Buffer.byteLength(id) <= 128;

const answers = {
  ping: () => ({ type: 'pong' }),
  heartbeat: ({ timestamp }) => (
    { type: 'heartbeat_response', timestamp: Date.now(), originalTimestamp: timestamp }),
  message: (said) => (isId(said.id) && typeof said.plaintext === 'string'
    ? { type: 'ack', id: said.id, sequence_number: store(said) }
    : { type: 'error', code: 'bad_message', message: 'id or plaintext is missing' }),
};

// One answer for each message, in order; what is wrong costs its sender nothing else.
function answer(text) {
  let said;
  try {
    said = JSON.parse(text);
  } catch {
    return { type: 'error', code: 'bad_json', message: 'not JSON' };
  }
  const type = said && said.type;
  return Object.hasOwn(answers, type) ? answers[type](said)
    : { type: 'error', code: 'unknown_type', message: 'no such type' };
}

// Replay and live are one thing: each socket goes through the log, as fast as it reads.
function pump(socket) {
  while (socket.next < log.length && socket.readyState === WebSocket.OPEN
         && socket.bufferedAmount < HIGH_WATER) {
    socket.send(log[socket.next++], () => pump(socket));
  }
}

// Who does not read its answers is not read either.
function reply(socket, text) {
  socket.send(JSON.stringify(answer(text)), () => {
    if (socket.answers-- === ANSWERS_MAX) socket.resume();
  });
  if (++socket.answers === ANSWERS_MAX) socket.pause();
}

function welcome(socket, request) {
  const after = new URL(request.url, 'http://host').searchParams.get('after');
  const seen = /^\d+$/.test(after) ? Number(after) : 0;
  socket.next = after === null ? log.length : Math.min(seen, log.length);
  socket.answers = 0;
  socket.isAlive = true;
  socket.on('pong', () => { socket.isAlive = true; });
  socket.on('error', () => {}); // 'close' follows
  socket.on('message', (data, isBinary) => {
    if (isBinary) socket.close(1003, 'text only');
    else reply(socket, data.toString());
  });
  if (seen > log.length) { // the log began anew: the client must forget its number
    socket.send(JSON.stringify({ type: 'error', code: 'unknown_sequence_number',
      message: 'no such number', sequence_number: log.length }));
  }
  pump(socket);
}

// Refused before the upgrade, so that the client learns why.
function refusal(request) {
  if (isDraining) return '503 Service Unavailable\r\nRetry-After: 2';
  if (request.url.split('?')[0] !== '/ws') return '404 Not Found';
  const { TOKEN } = process.env;
  if (TOKEN && request.headers.authorization !== `Bearer ${TOKEN}`) return '401 Unauthorized';
  return null;
}

const server = http.createServer((request, response) => response.writeHead(426).end());
const sockets = new WebSocketServer({ noServer: true, maxPayload: 65536 });
server.on('upgrade', (request, socket, head) => {
  const refused = refusal(request);
  socket.on('error', () => {}); // whoever hangs up meanwhile
  if (refused) {
    socket.end(`HTTP/1.1 ${refused}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
      () => socket.destroy()); // else it would stay until the client goes
  } else {
    sockets.handleUpgrade(request, socket, head, (upgraded) => welcome(upgraded, request));
  }
});

// A client that went away without a word is found by the second question that it does not answer.
setInterval(() => {
  for (const socket of sockets.clients) {
    if (!socket.isAlive) socket.terminate();
    socket.isAlive = false;
    socket.ping();
  }
}, 30000).unref();

// A deploy: nobody new, and everybody is told to come back in a moment.
process.on('SIGTERM', () => {
  isDraining = true;
  for (const socket of sockets.clients) socket.close(1012, 'restarting');
  server.close(() => process.exit(0));
  setTimeout(() => process.exit(0), 5000).unref();
});

server.listen(Number(process.argv[2] || 0), '127.0.0.1', () => console.log(server.address().port));
