/**
 * CPU time of receiving: 10,000 text messages of 100 bytes read by Client and by a bare WebSocket, in one page,
 * by turns, from a server on this machine. Prints the median of each and the ratio of the medians.
 *
 *   node web/bench/receive.mjs [RUNS]
 *
 * RUNS pairs (9, at most 99), after one that does not count. CHROMIUM names the browser (/usr/bin/chromium).
 * The time is TaskDuration of the page's main thread, by Chromium itself.
 */
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { shortNames } from '../engine/names.mjs';
import { chromium } from 'playwright-core';
import { WebSocketServer } from 'ws';

const MESSAGES = 10_000;
const TEXT = 'x'.repeat(100);
const runs = Number(process.argv[2] ?? 9);
if (!Number.isInteger(runs) || runs < 1 || runs > 99) {
  console.error('usage: node web/bench/receive.mjs [RUNS], 1 to 99');
  process.exit(1);
}

const contents = `
  import { Client } from './index';
  const counted = (resolve) => {
    let left = ${MESSAGES};
    return (text) => { if (text.length && !--left) resolve(); };
  };
  window.run = {
    bare: (url) => new Promise((resolve) => {
      const socket = new WebSocket(url);
      const count = counted(() => (socket.close(), resolve()));
      socket.onmessage = ({ data }) => count(data);
      socket.onopen = () => socket.send('go');
    }),
    client: (url) => new Promise((resolve) => {
      const client = new Client({ url });
      const count = counted(() => (client.disconnect(), resolve()));
      client.listen({ message: (data) => count(data), open: () => client.send('go') });
      client.connect();
    }),
  };`;

async function bundle() {
  const resolveDir = fileURLToPath(new URL('../src', import.meta.url));
  const { outputFiles } = await build({ stdin: { contents, resolveDir, loader: 'ts' }, bundle: true, minify: true, format: 'esm', target: 'es2022', write: false, ...shortNames() });
  return outputFiles[0].text;
}

function serve(script) {
  const http = createServer((request, response) => {
    const isScript = request.url === '/page.js';
    response.writeHead(200, { 'Content-Type': isScript ? 'text/javascript' : 'text/html' });
    response.end(isScript ? script : '<!doctype html><title>receive</title><script type="module" src="/page.js"></script>');
  });
  new WebSocketServer({ server: http }).on('connection', (socket) => {
    socket.on('error', () => {}).once('message', () => {
      for (let i = 0; i < MESSAGES; i++) socket.send(TEXT);
    });
  });
  return new Promise((resolve) => http.listen(0, '127.0.0.1', () => resolve(http)));
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

async function measure(page, session, name, url) {
  await session.send('HeapProfiler.collectGarbage');
  const cpu = async () => (await session.send('Performance.getMetrics')).metrics.find((one) => one.name === 'TaskDuration').value * 1000;
  const before = await cpu();
  await page.evaluate(([which, to]) => window.run[which](to), [name, url]);
  return (await cpu()) - before;
}

async function compare(page, address) {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const times = { bare: [], client: [] };
  for (let i = 0; i <= runs; i++) {
    for (const name of i % 2 ? ['bare', 'client'] : ['client', 'bare']) {
      const ms = await measure(page, session, name, `ws://${address}/`);
      if (i) times[name].push(ms);
    }
  }
  return times;
}

const http = await serve(await bundle());
const address = `127.0.0.1:${http.address().port}`;
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
try {
  const page = await browser.newPage();
  await page.goto(`http://${address}/`);
  await page.waitForFunction(() => 'run' in window);
  const { bare, client } = await compare(page, address);
  console.log(`${MESSAGES} messages of ${TEXT.length} bytes, median of ${runs}`);
  console.log(`bare WebSocket ${median(bare).toFixed(1)} ms, Client ${median(client).toFixed(1)} ms of CPU`);
  console.log(`ratio ${(median(client) / median(bare)).toFixed(2)}`);
} finally {
  await browser.close();
  http.closeAllConnections();
  http.close();
}
