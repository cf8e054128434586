// An echo server on Node's `ws`, a WebSocket implementation by other people.
//
// node echo_ws.js [--host H] [--tls CERT KEY] [--deflate]
// prints its port as one line, and serves until its standard input ends. Paths:
//   /push/N       sends "1" to "N" at once       /close/CODE  closes at the first message
//   /info         sends what it saw of the request as JSON
//   /dialects     echoes, and answers both JSON heartbeats
//   /keep         remembers each message, over all connections, and says nothing
//   /kept         sends what /keep remembered, and closes
//   /mute         echoes, but answers no ping    anything else echoes
'use strict';
const fs = require('fs');
const http = require('http');
const https = require('https');
const { WebSocketServer } = require('ws');

function option(name, count) {
  const at = process.argv.indexOf(name);
  return at < 0 ? null : process.argv.slice(at + 1, at + 1 + count);
}

function heartbeatReply(text) {
  let question;
  try {
    question = JSON.parse(text);
  } catch (error) {
    return null;
  }
  if (question && question.type === 'ping') return { type: 'pong' };
  if (!question || question.type !== 'heartbeat') return null;
  const now = Date.now();
  return { type: 'heartbeat_response', timestamp: now, originalTimestamp: question.timestamp };
}

const kept = [];

const behaviours = {
  push(socket, n) {
    for (let i = 1; i <= Number(n); i += 1) socket.send(String(i));
  },
  close(socket, code) {
    socket.once('message', () => socket.close(Number(code), 'as you asked'));
  },
  info(socket, argument, request) {
    socket.send(JSON.stringify({
      target: request.url, headers: request.headers, protocol: socket.protocol,
      extensions: socket.extensions,
    }));
  },
  dialects(socket) {
    socket.removeAllListeners('message');
    socket.on('message', (data, isBinary) => {
      const reply = isBinary ? null : heartbeatReply(data.toString());
      if (reply) socket.send(JSON.stringify(reply));
      else socket.send(data, { binary: isBinary });
    });
  },
  keep(socket) {
    socket.removeAllListeners('message');
    socket.on('message', (data) => kept.push(data.toString()));
  },
  kept(socket) {
    for (const text of kept) socket.send(text);
    socket.close(1000);
  },
  mute(socket) {
    socket._receiver.removeAllListeners('ping');
  },
};

const tls = option('--tls', 2);
const server = tls
  ? https.createServer({ cert: fs.readFileSync(tls[0]), key: fs.readFileSync(tls[1]) })
  : http.createServer();
const sockets = new WebSocketServer({
  server,
  maxPayload: 64 * 1024 * 1024,
  perMessageDeflate: process.argv.includes('--deflate') ? { threshold: 0 } : false,
  handleProtocols: (offered) => [...offered].pop(),
});
sockets.on('connection', (socket, request) => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  socket.on('error', () => {});
  const [name, argument] = request.url.split('?')[0].split('/').slice(1);
  if (Object.hasOwn(behaviours, name)) behaviours[name](socket, argument, request);
});
server.listen(0, (option('--host', 1) || ['127.0.0.1'])[0], () => {
  process.stdout.write(`${server.address().port}\n`);
});
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
