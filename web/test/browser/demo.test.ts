/** The demo page in a browser, on the real relay: what its buttons break, and that its account stays clean. Needs build/release/limpet and Chromium. */
import { createRequire } from 'node:module';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, type Page, chromium } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Relay } from './pages';

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const DEADLINE_MS = 20_000;

let folder: string;
let relay: Relay;
let browser: Browser;
const pageErrors: string[] = [];

async function open(hash: string, options = {}, first = ''): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  await context.addInitScript(first);
  const page = await context.newPage();
  page.setDefaultTimeout(DEADLINE_MS);
  page.on('pageerror', (error) => pageErrors.push(error.message));
  await page.goto(`http://127.0.0.1:${relay.port}/#${hash}`);
  await states(page, 'CONNECTED', 'CONNECTED');
  return page;
}

/** page.waitForFunction() would need eval() in the page, which its policy refuses. */
const until = <T>(page: Page, read: () => T) => expect.poll(() => page.evaluate(read), { timeout: DEADLINE_MS, interval: 50 });

const states = (page: Page, ...wanted: string[]) =>
  until(page, () => [...document.querySelectorAll<HTMLElement>('.pane')].map((pane) => pane.dataset.state)).toEqual(wanted);

async function account(page: Page): Promise<Record<string, number>> {
  const texts = await page.$$eval('.counts dd', (list) => list.map((dd) => [dd.id, Number(dd.textContent)] as const));
  return Object.fromEntries(texts);
}

/** Stops writing, and waits until nothing is on the way any more. */
async function settle(page: Page): Promise<void> {
  if ((await page.getAttribute('#chatter', 'aria-checked')) === 'true') await page.click('#chatter');
  await until(page, () => document.querySelectorAll('.waiting').length).toBe(0);
  await until(page, () => Number(document.querySelector('#sent')!.textContent) > 0 && document.querySelector('#underway')!.textContent).toBe('0');
  const { sent, received, lost, repeated } = await account(page);
  expect({ received, lost, repeated }).toEqual({ received: sent, lost: 0, repeated: 0 });
  expect(sent).toBeGreaterThan(0);
}

const choose = (page: Page, who: string) => page.getByRole('radio', { name: who }).check({ force: true });
const say = async (page: Page, who: string, text: string) => {
  await page.fill(`#${who}-text`, text);
  await page.press(`#${who}-text`, 'Enter');
};
const bubbles = (page: Page, who: string) => page.$$eval(`.pane.${who} .bubble`, (list) => list.map((bubble) => bubble.textContent));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'limpet-demo-page-'));
  const { buildDemo } = (await import(new URL('../../demo/build.mjs', import.meta.url).href)) as { buildDemo(folder: string): Promise<void> };
  await buildDemo(join(folder, 'page'));
  relay = new Relay(['--web', join(folder, 'page'), '--store', join(folder, 'relay.db')], { LIMPET_DEMO_LEVERS: '1' });
  await relay.start();
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
}, 60_000);

afterAll(async () => {
  await browser?.close();
  await relay?.kill();
  await rm(folder, { recursive: true, force: true });
});

afterEach(() => expect(pageErrors.splice(0)).toEqual([]));

describe('the demo page', { timeout: 90_000 }, () => {
  it('shows what one writes to both, once and in order', async () => {
    const page = await open('talk');
    await page.click('#chatter');
    for (const text of ['one', 'two', 'three']) await say(page, 'ann', text);
    await say(page, 'bob', '<b>four</b>');
    await settle(page);
    expect(await bubbles(page, 'bob')).toEqual(await bubbles(page, 'ann'));
    expect(await bubbles(page, 'ann')).toEqual(expect.arrayContaining(['one', 'two', 'three', '<b>four</b>']));
  });

  it.each([
    ['on a page without https, where there is no randomUUID', 'plain', 'delete Crypto.prototype.randomUUID'],
    ['in a conversation whose address is no escape', '100%', ''],
    ['in a conversation of a long name', encodeURIComponent('海'.repeat(60)), ''],
    ['under an address that no path can name', '..', ''],
    ['under an address that the relay refuses', 'a%0Ab', ''],
    ['where there is no WebAssembly', 'no-wasm', 'delete globalThis.WebAssembly'],
  ])('carries a word %s', async (_, hash, first) => {
    const page = await open(hash, {}, first);
    await page.click('#chatter');
    await say(page, 'ann', 'hello');
    await settle(page);
    expect(await bubbles(page, 'bob')).toContain('hello');
  });

  it('keeps long words inside their bubbles, in the direction of their script', async () => {
    const page = await open('words');
    await page.click('#chatter');
    await say(page, 'ann', `https://example.org/${'nothingtobreakat'.repeat(20)}`);
    await say(page, 'bob', 'שלום עולם!');
    await settle(page);
    const outside = () => [...document.querySelectorAll('.bubble')].filter((bubble) => {
      const [inner, outer] = [bubble, bubble.closest('.log')!].map((element) => element.getBoundingClientRect());
      return inner!.left < outer!.left || inner!.right > outer!.right;
    }).length;
    expect(await page.evaluate(outside)).toBe(0);
    const isMarkLeft = () => {
      const text = [...document.querySelectorAll('.bubble')].find((bubble) => bubble.textContent!.endsWith('!'))!.firstChild as Text;
      const [first, mark] = [0, text.length - 1].map((at) => {
        const range = document.createRange();
        range.setStart(text, at);
        range.setEnd(text, at + 1);
        return range.getBoundingClientRect().left;
      });
      return mark! < first!;
    };
    expect(await page.evaluate(isMarkLeft)).toBe(true);
  });

  it('ends below its last line, however long the conversation is', async () => {
    const messages = Array.from({ length: 300 }, (_, i) => ({ sender_id: 'eve', plaintext: `${i}` }));
    for (const each of messages)
      await fetch(`http://127.0.0.1:${relay.port}/conversations/long/messages`, { method: 'POST', body: JSON.stringify(each) });
    const page = await open('long');
    await until(page, () => document.querySelectorAll('.bubble').length).toBeGreaterThanOrEqual(390);
    const below = () => document.documentElement.scrollHeight - (document.querySelector('footer')!.getBoundingClientRect().bottom + scrollY);
    expect(await page.evaluate(below)).toBeLessThan(100);
  });

  it('says so where nothing can be kept', async () => {
    const page = await open('no-storage', {}, "Object.defineProperty(globalThis, 'indexedDB', { value: undefined })");
    await page.click('#chatter');
    await until(page, () => document.querySelector('.pane.ann .event')?.textContent).toContain('Messages cannot be kept in this browser');
    await say(page, 'ann', 'not typed in vain');
    await until(page, () => document.querySelector<HTMLInputElement>('#ann-text')!.value).toBe('not typed in vain');
    expect(await bubbles(page, 'ann')).toEqual([]);
  });

  it('shows a message once that the relay has, but had not answered for before a reload', async () => {
    const page = await open('ghost');
    await page.click('#chatter');
    const answered: string[] = [];
    let isTold = false; // otherwise it arrives, and the page does not hear of it
    await page.route('**/messages', async (route) => {
      const response = await route.fetch();
      if (isTold) await route.fulfill({ response });
      answered.push(route.request().postDataJSON().plaintext as string);
    });
    await say(page, 'ann', 'once');
    await until(page, () => document.querySelectorAll('.pane.ann .waiting').length).toBe(0);
    isTold = true;
    await page.addInitScript(() => {
      const { getAll } = IDBObjectStore.prototype;
      IDBObjectStore.prototype.getAll = function (...asked: []) {
        const request = getAll.apply(this, asked);
        Object.defineProperty(request, 'onsuccess', { set: (done: () => void) => request.addEventListener('success', () => setTimeout(done, 500)) });
        return request;
      };
    });
    await page.reload();
    await page.click('#chatter');
    const once = (texts: (string | null)[]) => texts.filter((text) => text === 'once').length;
    await expect.poll(() => once(answered), { timeout: DEADLINE_MS }).toBe(2);
    await settle(page);
    expect(once(await bubbles(page, 'ann'))).toBe(1);
  });

  it('survives cut, freeze and delay of either link', async () => {
    const page = await open('break');
    await page.click('#cut');
    await page.waitForSelector('.pane.ann .event.back');
    await choose(page, 'Bob');
    await page.click('#freeze');
    await states(page, 'CONNECTED', 'RECONNECTING');
    await say(page, 'bob', 'from the ice');
    expect(await page.textContent('.pane.bob .waiting:last-child .fate')).toBe('waiting');
    await page.click('#freeze');
    await states(page, 'CONNECTED', 'CONNECTED');
    await choose(page, 'Both');
    await page.click('#delay');
    await until(page, () => Math.min(...[...document.querySelectorAll('[data-metric=rtt]')].map((dd) => parseInt(dd.textContent!, 10) || 0))).toBeGreaterThanOrEqual(600);
    await page.click('#delay');
    await settle(page);
    expect(await bubbles(page, 'bob')).toEqual(await bubbles(page, 'ann'));
  });

  it('waits while offline, and keeps what was written over a reload', async () => {
    const page = await open('offline');
    await page.click('#chatter');
    await page.click('#offline');
    await states(page, 'WAITING_FOR_NETWORK', 'WAITING_FOR_NETWORK');
    expect(await page.$$eval('.event', (list) => list.map((event) => event.textContent))).toEqual(['No network', 'No network']);
    await say(page, 'ann', 'kept on this machine');
    await until(page, () => document.querySelector('.pane.ann [data-metric=waiting]')!.textContent).toBe('1');
    await page.reload();
    await states(page, 'CONNECTED', 'CONNECTED');
    await settle(page);
    expect((await bubbles(page, 'bob')).filter((text) => text === 'kept on this machine')).toHaveLength(1);
  });

  it('survives a killed relay', async () => {
    const page = await open('kill');
    await page.click('#kill');
    expect(await relay.ended()).toBe('SIGKILL');
    await states(page, 'RECONNECTING', 'RECONNECTING');
    await say(page, 'ann', 'to a dead relay');
    await relay.start();
    await states(page, 'CONNECTED', 'CONNECTED');
    await settle(page);
    expect((await bubbles(page, 'bob')).filter((text) => text === 'to a dead relay')).toHaveLength(1);
  });

  it('goes on with a relay whose store was lost, and shows what both said meanwhile', async () => {
    const page = await open('anew');
    await page.click('#chatter');
    for (let i = 0; i < 9; i++) await say(page, 'ann', `${i}`);
    await settle(page);
    await relay.kill();
    await states(page, 'RECONNECTING', 'RECONNECTING');
    for (const file of ['relay.db', 'relay.db-wal', 'relay.db-shm']) await rm(join(folder, file), { force: true });
    await say(page, 'ann', 'ann, meanwhile');
    await say(page, 'bob', 'bob, meanwhile');
    await relay.start();
    await states(page, 'CONNECTED', 'CONNECTED');
    await settle(page);
    const shown = await bubbles(page, 'ann');
    expect(await bubbles(page, 'bob')).toEqual(shown);
    expect([shown.length, ...shown.slice(9).sort()]).toEqual([11, 'ann, meanwhile', 'bob, meanwhile']);
  });

  it('shows its switch in forced colours, off as well as on', async () => {
    const page = await open('forced', { forcedColors: 'active' });
    const knob = page.locator('.knob');
    const clip = (await knob.boundingBox())!;
    const look = async () => (await page.screenshot({ clip, animations: 'disabled' })).toString('base64');
    const on = await look();
    await page.click('#chatter');
    const off = await look();
    await knob.evaluate((element) => (element.style.visibility = 'hidden'));
    expect(new Set([on, off, await look()]).size).toBe(3);
  });

  it.each([['light', 360], ['dark', 360], ['light', 1280], ['dark', 1280]] as const)('is accessible and fits: %s, %i px', async (colorScheme, width) => {
    const page = await open(`look-${colorScheme}-${width}`, { colorScheme, viewport: { width, height: 740 } });
    await page.click('#freeze');
    await states(page, 'RECONNECTING', 'CONNECTED');
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
    const script = (await import('node:fs')).readFileSync(axe, 'utf8');
    await page.evaluate(script); // by the debugger, which the page's policy does not bind
    const found = await page.evaluate(async () => (await (globalThis as unknown as { axe: { run(): Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }> } }).axe.run()).violations.map((v) => [v.id, ...v.nodes.map((n) => `${n.html} ${n.failureSummary}`)]));
    expect(found).toEqual([]);
  });
});
