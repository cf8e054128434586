#!/usr/bin/env node
/*
 * The jobs of bench-limpet on Node's `ws` (Debian's node-ws), in its fastest form: compression off, the
 * text a Buffer made beforehand, and the socket corked around a burst, so that many messages leave in one
 * system call. The socket is had from the documented event `upgrade`; ws sets TCP_NODELAY by itself.
 * UTF-8 is checked, which is its default.
 *
 *   ws_client.js [--tls CA.PEM] PORT MODE KIND SIZE COUNT     one line of JSON
 */
'use strict';
const fs = require('fs');
const WebSocket = require(process.env.BENCH_WS || '/usr/share/nodejs/ws');

const SETTLE_MS = 8000; /* as in common.h */
const QUEUED_MAX = 1024 * 1024;
const GO = Buffer.from('go');
const TEXT = { ascii: 'The limpet holds on to its rock through every tide, 24 h a day. ',
  utf8: 'Größe naïve мир и море 世界の海 ελληνικά 🐚🌊 ' };

const words = process.argv.slice(2);
const caFile = words[0] === '--tls' ? words.splice(0, 2)[1] : null;
const ca = caFile ? fs.readFileSync(caFile) : undefined;
const [port, mode, kind] = words;
const size = Number(words[3]);
const count = Number(words[4]);
if (words.length !== 5 || !(kind in TEXT) || !(size > 0) || !(count > 0))
  fail('usage: ws_client.js [--tls CA.PEM] PORT MODE KIND SIZE COUNT');

const text = textOf(size);
const watch = {};
let laps = null;
let doneCount = 0;
let session; /* of the last TLS connection, for the next one */

function fail(why) {
  process.stderr.write(`bench: ${why}\n`);
  process.exit(1);
}

/** `length` bytes of UTF-8; no character is cut in two. */
function textOf(length) {
  const source = Buffer.from(TEXT[kind]);
  const buffer = Buffer.alloc(length, '.');
  let at = 0;
  for (; at + source.length <= length; at += source.length) source.copy(buffer, at);
  let rest = length - at;
  while (rest > 0 && (source[rest] & 0xc0) === 0x80) rest--;
  source.copy(buffer, at, 0, rest);
  return buffer;
}

/* ---- time ---- */

function watchStart() {
  watch.cpu = process.cpuUsage();
  watch.wall = process.hrtime.bigint();
}

function watchStop() {
  watch.wall = process.hrtime.bigint() - watch.wall;
  watch.cpu = process.cpuUsage(watch.cpu);
}

function quantiles() {
  const sorted = laps.sort();
  const at = (share) => Math.round(sorted[Math.floor(count * share)] * 1e3);
  return { p50_ns: at(0.5), p99_ns: at(0.99), p999_ns: at(0.999) };
}

function report() {
  const result = { wall_ns: Number(watch.wall), sys_ns: watch.cpu.system * 1000,
    cpu_ns: (watch.cpu.user + watch.cpu.system) * 1000 };
  if (laps) Object.assign(result, quantiles());
  console.log(JSON.stringify(result));
  process.exit(0);
}

function finish() {
  watchStop();
  report();
}

/* ---- connections ---- */

function dial() {
  const url = `${caFile ? 'wss' : 'ws'}://127.0.0.1:${port}/${mode}/${kind}/${size}/${count}`;
  const ws = new WebSocket(url, { perMessageDeflate: false, maxPayload: 1 << 26, ca, session });
  ws.on('error', (error) => fail(error.message));
  return ws;
}

/* ---- jobs ---- */

function checkedLength(data) {
  if (data.length !== size) fail('a message of another size');
  return ++doneCount === count;
}

function runReceive() {
  const ws = dial();
  ws.on('open', () => {
    watchStart();
    ws.send(GO, { binary: false });
  });
  ws.on('message', (data) => {
    if (checkedLength(data)) finish();
  });
}

function runSend() {
  const ws = dial();
  const options = { binary: false };
  let socket;
  const burst = () => {
    socket.cork();
    for (; doneCount < count && ws.bufferedAmount < QUEUED_MAX; doneCount++) ws.send(text, options);
    socket.uncork();
  };
  ws.on('upgrade', (response) => { socket = response.socket; });
  ws.on('open', () => {
    watchStart();
    socket.on('drain', burst);
    burst();
  });
  ws.on('message', finish); /* the peer has read all */
}

function runPingPong() {
  const ws = dial();
  let begun;
  laps = new Float64Array(count);
  const ping = () => {
    begun = performance.now();
    ws.send(text, { binary: false });
  };
  ws.on('open', () => {
    watchStart();
    ping();
  });
  ws.on('message', (data) => {
    laps[doneCount] = (performance.now() - begun) * 1e3; /* microseconds */
    if (checkedLength(data)) finish();
    else ping();
  });
}

function runConnect() {
  const ws = dial();
  ws.on('upgrade', (response) => {
    if (ca) session = response.socket.getSession();
  });
  ws.on('open', () => ws.close(1000));
  ws.on('close', () => {
    if (doneCount === 0) watchStart(); /* the first one warms up, and fetches a TLS session */
    if (doneCount++ === count) finish();
    else runConnect();
  });
}

const idle = [];
let firstBytes;

function reportIdle() {
  const now = process.memoryUsage.rss();
  console.log(JSON.stringify({ clients: count, first_bytes: firstBytes, all_bytes: now,
    bytes_each: Math.round((now - firstBytes) / Math.max(1, count - 1)) }));
  process.exit(0);
}

function runHold() {
  const ws = dial();
  idle.push(ws);
  ws.on('open', () => {
    if (idle.length === 1) firstBytes = process.memoryUsage.rss();
    if (idle.length < count) runHold();
    else setTimeout(reportIdle, SETTLE_MS);
  });
}

const jobs = { receive: runReceive, send: runSend, pingpong: runPingPong, connect: runConnect,
  hold: runHold };
if (!(mode in jobs)) fail(`no such mode: ${mode}`);
jobs[mode]();
