/** The outbox in Chromium: reload, kill, two tabs. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { BrowserContext, Page } from 'playwright-core';
import type { OfflineQueue } from '../../src/offline';
import { Chromium } from './chromium';
import { MessageServer } from './offline-support';

declare global {
  interface Window {
    queue: OfflineQueue;
  }
}

const LONG = 60_000;
let chromium: Chromium;
let server: MessageServer;
let url: string;

beforeEach(async () => {
  chromium = new Chromium();
  server = new MessageServer();
  url = await server.start();
}, LONG);
afterEach(async () => {
  await chromium.end();
  await server.stop();
}, LONG);

async function open(context: BrowserContext): Promise<Page> {
  const page = await context.newPage();
  await page.goto(url);
  await page.waitForFunction(() => window.queue);
  return page;
}

const numbers = (count: number, prefix = '') => Array.from({ length: count }, (_, i) => `${prefix}${i}`);
const enqueue = (page: Page, texts: string[]) =>
  page.evaluate(async (list) => {
    const ids: string[] = [];
    for (const plaintext of list) ids.push(await window.queue.enqueue({ conversationId: 'tea', userId: 'ann', plaintext }));
    return ids;
  }, texts);
const isOwner = (page: Page) => page.evaluate(() => window.queue.getSnapshot().isOwner);
const count = (page: Page) => page.evaluate(() => window.queue.count());
const soon = (check: () => Promise<void> | void) => vi.waitFor(check, { timeout: 15_000, interval: 50 });

test('messages of a page without a server outlive its reload, and arrive once, in order', async () => {
  const page = await open(await chromium.start());
  server.isDown = true;
  const ids = await enqueue(page, numbers(5));
  await soon(() => expect(server.attempts).toBeGreaterThan(1));
  await page.reload();
  await page.waitForFunction(() => window.queue);
  expect(await count(page)).toBe(5);
  server.isDown = false;
  await soon(async () => expect(await count(page)).toBe(0));
  expect(server.accepted).toEqual(ids);
}, LONG);

test('messages outlive a kill of the browser right after enqueue, and arrive once, in order', async () => {
  server.isDown = true;
  const ids = await enqueue(await open(await chromium.start()), numbers(20));
  await chromium.kill();
  server.isDown = false;
  expect(server.accepted).toEqual([]);
  const page = await open(await chromium.start());
  await soon(async () => expect(await count(page)).toBe(0));
  expect(server.accepted).toEqual(ids);
}, LONG);

test('a browser killed while it delivers: nothing lost, and only what was under way comes twice', async () => {
  server.delayMs = 20;
  const ids = await enqueue(await open(await chromium.start()), numbers(50));
  await soon(() => expect(server.accepted.length).toBeGreaterThan(5));
  await chromium.kill();
  const page = await open(await chromium.start());
  await soon(async () => expect(await count(page)).toBe(0));
  expect([...new Set(server.accepted)]).toEqual(ids);
  expect(server.accepted.length - ids.length).toBeLessThanOrEqual(2);
}, LONG);

describe.each([['Web Locks', true], ['a lease', false]])('two tabs with %s', (_, hasLocks) => {
  async function start(): Promise<[Page, Page]> {
    const context = await chromium.start();
    if (!hasLocks) await context.addInitScript(() => Object.defineProperty(Navigator.prototype, 'locks', { get: () => undefined }));
    const first = await open(context);
    await soon(async () => expect(await isOwner(first)).toBe(true));
    return [first, await open(context)];
  }

  test('one delivers, no message twice, never two at once', async () => {
    const [first, second] = await start();
    server.delayMs = 5;
    const [a, b] = await Promise.all([enqueue(first, numbers(20, 'a')), enqueue(second, numbers(20, 'b'))]);
    await soon(async () => expect(await count(second)).toBe(0));
    expect([...server.accepted].sort()).toEqual([...a, ...b].sort());
    expect(server.texts.filter((text) => text.startsWith('b'))).toEqual(numbers(20, 'b'));
    expect(server.mostAtOnce).toBe(1);
    expect([await isOwner(first), await isOwner(second)]).toEqual([true, false]);
  }, LONG);

  test('the owner is closed: the other tab takes over and delivers', async () => {
    const [first, second] = await start();
    server.isDown = true;
    const ids = await enqueue(first, numbers(3));
    await first.close();
    server.isDown = false;
    await soon(async () => expect(await count(second)).toBe(0));
    expect(await isOwner(second)).toBe(true);
    expect(server.accepted).toEqual(ids);
  }, LONG);
});

test('what one tab keeps, the other one sees', async () => {
  const context = await chromium.start();
  const [first, second] = [await open(context), await open(context)];
  server.isDown = true;
  await enqueue(first, numbers(3));
  await soon(async () => expect(await second.evaluate(() => window.queue.getSnapshot())).toMatchObject({ pending: 3 }));
  await soon(async () => expect(await second.evaluate(() => window.queue.getSnapshot().lastError?.kind)).toBe('delivery'));
}, LONG);

/* Once more: on a busy machine Chromium may decline to keep a page. */
test('a page in the back-forward cache lets go, and goes on when it is back', { retry: 1, timeout: LONG }, async () => {
  const context = await chromium.start();
  const page = await open(context);
  const other = await open(context);
  await page.evaluate(() => addEventListener('pageshow', (event) => document.body.append(`persisted ${event.persisted}`)));
  server.isDown = true;
  const ids = await enqueue(page, numbers(3));
  await page.goto('about:blank');
  await soon(async () => expect(await isOwner(other)).toBe(true));
  await other.close();
  await page.goBack({ waitUntil: 'commit' });
  expect(await page.textContent('body')).toContain('persisted true');
  server.isDown = false;
  await soon(async () => expect(await count(page)).toBe(0));
  expect(server.accepted).toEqual(ids);
});
