/**
 * A conversation on the relay through outages, in a page under a strict policy with the JavaScript engine: nothing lost, nothing shown
 * twice, the order kept, and the widgets right at each step.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Cutter } from './cutter.mjs';
import { conversationScript, eventually, launch, Relay, Site, unfocused } from './pages';

declare global {
  interface Window {
    client: any;
    seen: string[];
    states: string[];
    persisted: boolean[];
    lifecycle: string[];
    raw: { sequence_number: number; plaintext: string }[];
    say(text: string): number;
  }
}

const INTERVAL_MS = 300;
/** The seeds' own heartbeat asks each 30 s: one comes and goes in this silence, and a second is asked. */
const SILENCE_MS = 62_000;
const folder = mkdtempSync(join(tmpdir(), 'conversation-'));
const relay = new Relay(['--store', join(folder, 'relay.db')]);
let browser: Browser;
let end: () => Promise<void>;
let cutter: Cutter;
let site: Site;
let url: string;
let context: BrowserContext;
let page: Page;
let conversation = '';
let count = 0;
const errors: string[] = [];

const state = () => window.client.state;
const seen = () => window.seen;
const say = (text: string, on = page) => on.evaluate((line) => window.say(line), text);
/** What the widgets show: the emoji and the text, and the banner's title or "". */
const widgets = () =>
  ['limpet-status .limpet-emoji', 'limpet-status .limpet-text', 'limpet-banner strong'].map((path) => {
    const [element, part] = path.split(' ');
    return document.querySelector(element!)!.shadowRoot!.querySelector(part!)?.textContent?.replace(/ \(.*/, '') ?? '';
  });
const CONNECTED = ['🟢', 'Connected', ''];
const RECONNECTING = ['🟡', 'Reconnecting', 'Connection lost. Reconnecting…'];
const OFFLINE = ['🔴', 'Waiting for network', 'You are offline.'];
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

beforeAll(async () => {
  await relay.start();
  cutter = new Cutter(relay.port);
  const port = await cutter.start();
  site = new Site(await conversationScript(port), port);
  url = await site.start();
  ({ browser, end } = await launch());
});

afterAll(async () => {
  await end?.();
  await site?.stop();
  await cutter?.stop();
  await relay.kill();
  rmSync(folder, { recursive: true, force: true });
});

async function open(user: string, intervalMs = INTERVAL_MS): Promise<Page> {
  const opened = await context.newPage();
  opened.on('pageerror', (error) => errors.push(error.message));
  await opened.goto(`${url}#${conversation},${user},${intervalMs}`);
  await eventually(opened, state, 'CONNECTED');
  return opened;
}

beforeEach(async () => {
  conversation = `c${++count}`;
  context = await browser.newContext();
  page = await open('ann');
});

afterEach(async () => {
  cutter.freeze(false);
  cutter.refuse(false);
  await context.close();
  expect(errors.splice(0)).toEqual([]);
});

/** What the relay keeps, by its REST API. */
async function kept(): Promise<string[]> {
  const response = await fetch(`http://127.0.0.1:${relay.port}/conversations/${conversation}/messages?after=0`);
  const { messages } = await response.json() as { messages: { plaintext: string }[] };
  return messages.map((message) => message.plaintext);
}

/** Shown exactly, in this order, by a connected page, and kept once each by the relay. */
async function shows(wanted: string[], on = page): Promise<void> {
  await eventually(on, state, 'CONNECTED');
  await eventually(on, seen, wanted);
  await eventually(on, widgets, CONNECTED);
  const numbers = await on.evaluate(() => window.raw.map((message) => message.sequence_number));
  expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
  expect(await kept()).toEqual(wanted);
}

describe('a conversation', () => {
  it('goes on after a cut', async () => {
    await say('before');
    await shows(['before']);
    cutter.refuse(); // cuts, and lets the page see that it is cut
    await eventually(page, widgets, RECONNECTING);
    await say('meanwhile');
    cutter.refuse(false);
    await say('after');
    await shows(['before', 'meanwhile', 'after']);
  });

  it('waits while the machine is offline and goes on when it is back', async () => {
    await context.setOffline(true);
    cutter.refuse();
    await eventually(page, widgets, OFFLINE);
    const links = cutter.accepted;
    await say('offline');
    await pause(5 * INTERVAL_MS);
    expect([await page.evaluate(state), cutter.accepted]).toEqual(['WAITING_FOR_NETWORK', links]);
    cutter.refuse(false);
    await context.setOffline(false);
    await shows(['offline']);
  });

  it('finds a frozen link by its heartbeat and goes on', async () => {
    await say('before');
    await shows(['before']);
    cutter.freeze();
    await say('into the ice');
    await eventually(page, () => window.client.lastError?.kind, 'heartbeat_timeout');
    await eventually(page, widgets, RECONNECTING);
    cutter.freeze(false);
    await say('after');
    await shows(['before', 'into the ice', 'after']);
  });

  it('stays on its one link through a minute of silence', async () => {
    const quiet = await open('bob', 30_000);
    const links = cutter.accepted;
    await pause(SILENCE_MS);
    for (const each of [quiet, page]) expect(await each.evaluate(() => window.states)).toEqual(['CONNECTING', 'CONNECTED']);
    expect(await quiet.evaluate(() => window.client.metrics().rttLastMs)).toBeGreaterThan(0);
    await say('still here', quiet);
    await shows(['still here'], quiet);
    await shows(['still here']);
    expect(cutter.accepted).toBe(links);
  }, SILENCE_MS + 30_000);

  /* Once more: on a busy machine Chromium may decline to keep a page. */
  it('goes on when the page is back from the back-forward cache', { retry: 1 }, async () => {
    await say('before');
    await shows(['before']);
    const other = await open('bob');
    await page.goto('about:blank');
    await say('meanwhile', other);
    await shows(['before', 'meanwhile'], other);
    await page.goBack({ waitUntil: 'commit' });
    await eventually(page, () => window.persisted, [false, true]);
    await eventually(page, state, 'CONNECTED');
    await say('back');
    await shows(['before', 'meanwhile', 'back']);
  });

  it('goes on when its frozen tab is resumed, with what was said meanwhile', async () => {
    const other = await open('bob');
    const session = await unfocused(page);
    await session.send('Page.setWebLifecycleState', { state: 'frozen' });
    cutter.cut();
    await eventually(other, () => window.states.filter((to) => to === 'CONNECTED').length, 2);
    await say('meanwhile', other);
    await shows(['meanwhile'], other);
    await session.send('Page.setWebLifecycleState', { state: 'active' });
    await shows(['meanwhile']);
    await say('thawed');
    await shows(['meanwhile', 'thawed']);
    await shows(['meanwhile', 'thawed'], other);
    expect(await page.evaluate(() => window.lifecycle)).toEqual(['freeze', 'resume']);
    expect(await page.evaluate(() => window.states)).toContain('RECONNECTING');
  });

  it('is the same in two tabs, through cuts', async () => {
    const other = await open('bob');
    const wanted: string[] = [];
    for (let i = 0; i < 30; i++) {
      if (i % 10 === 5) cutter.cut();
      await say(`${i}`, i % 2 ? other : page);
      wanted.push(`${i}`);
      await eventually(page, () => window.seen.length, i + 1);
    }
    await shows(wanted);
    await shows(wanted, other);
  });

  it('keeps all when the relay is killed and started again', async () => {
    await say('before');
    await shows(['before']);
    await relay.kill();
    await eventually(page, widgets, RECONNECTING);
    await say('to nobody');
    await relay.start();
    await say('after');
    await shows(['before', 'to nobody', 'after']);
    const late = await open('eve');
    await shows(['before', 'to nobody', 'after'], late);
  });
});
