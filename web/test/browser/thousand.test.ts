/** A thousand clients in four pages: all connect, and all come back after a cut. */
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { Cutter } from './cutter.mjs';
import { launch, script, Site } from './pages';

declare global {
  interface Window { clients: any[]; echoes: Record<string, string[]>; sendAll(round: string): void }
}

/* Chromium has no more than 255 WebSockets open in one profile: each page gets a context of its own. */
const PAGES = 4;
const COUNT = 250;
const DEADLINE_MS = 40_000;
const echo = new WebSocketServer({ port: 0, host: '127.0.0.1' });
let browser: Browser;
let end: () => Promise<void>;
let cutter: Cutter;
let site: Site;
const pages: Page[] = [];

const body = (port: number) => `
  window.echoes = {};
  window.clients = Array.from({ length: ${COUNT} }, (_, i) => {
    const client = new Client({ url: 'ws://127.0.0.1:${port}/' + i, initialDelayMs: 500, maxDelayMs: 2000, maxRetries: Infinity });
    const own = window.echoes[i] = [];
    client.listen({ message: (data) => own.push(data) });
    client.connect();
    return client;
  });
  window.sendAll = (round) => window.clients.forEach((client, i) => client.send(round + i));`;

beforeAll(async () => {
  echo.on('connection', (socket) => socket.on('error', () => {}).on('message', (data) => socket.send(String(data))));
  cutter = new Cutter((echo.address() as AddressInfo).port);
  const port = await cutter.start();
  site = new Site(await script(body(port)), port);
  ({ browser, end } = await launch());
  const url = await site.start();
  for (let i = 0; i < PAGES; i++) {
    const page = await (await browser.newContext()).newPage();
    await page.goto(url);
    pages.push(page);
  }
});

afterAll(async () => {
  await end?.();
  await site?.stop();
  await cutter?.stop();
  for (const socket of echo.clients) socket.terminate();
  await new Promise((resolve) => echo.close(resolve));
});

type Read = (rounds: string[]) => number;
const sum = async (read: Read, rounds: string[] = []) =>
  (await Promise.all(pages.map((page) => page.evaluate(read, rounds)))).reduce((a, b) => a + b);
const poll = (read: Read, ...rounds: string[]) => expect.poll(() => sum(read, rounds), { timeout: DEADLINE_MS, interval: 200 });
const sendAll = (round: string) => Promise.all(pages.map((page) => page.evaluate((name) => window.sendAll(name), round)));

const connected: Read = () => window.clients.filter((client) => client.state === 'CONNECTED').length;
const reconnected: Read = () => window.clients.filter((client) => client.metrics().reconnects >= 1 && client.state === 'CONNECTED').length;
const right: Read = (rounds) =>
  window.clients.filter((_, i) => window.echoes[i]!.join() === rounds.map((round) => round + i).join()).length;

it('are all connected, and again after a cut of all, and each gets its own, once, in order', async () => {
  const all = PAGES * COUNT;
  await poll(connected).toBe(all);
  await sendAll('a');
  await poll(right, 'a').toBe(all);
  cutter.refuse(); // what goes into a link that is cut already may be lost; what waits for the next may not
  await poll(connected).toBe(0);
  await sendAll('b');
  cutter.refuse(false);
  await poll(reconnected).toBe(all);
  await poll(right, 'a', 'b').toBe(all);
  expect(cutter.accepted).toBeGreaterThanOrEqual(2 * all);
}, 120_000);
