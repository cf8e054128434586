/** One client in a page under a strict policy, with the JavaScript engine: each kind of outage, and what users rely on after it. */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Cutter } from './cutter.mjs';
import { echoScript, eventually, launch, Relay, Site, unfocused } from './pages';

declare global {
  interface Window { client: any; seen: string[]; states: string[]; persisted: boolean[]; lifecycle: string[] }
}

const relay = new Relay();
let browser: Browser;
let end: () => Promise<void>;
let cutter: Cutter;
let site: Site;
let url: string;
let context: BrowserContext;
let page: Page;
const errors: string[] = [];

const state = () => window.client.state;
const texts = () => window.seen;
const say = (text: string) => page.evaluate((line) => window.client.send(line), text);

beforeAll(async () => {
  await relay.start();
  cutter = new Cutter(relay.port);
  const port = await cutter.start();
  site = new Site(await echoScript(port), port);
  url = await site.start();
  ({ browser, end } = await launch());
});

afterAll(async () => {
  await end?.();
  await site?.stop();
  await cutter?.stop();
  await relay.kill();
});

beforeEach(async () => {
  context = await browser.newContext();
  page = await context.newPage();
  page.on('pageerror', (error) => errors.push(error.message));
  await page.goto(url);
  await eventually(page, state, 'CONNECTED');
});

afterEach(async () => {
  await context.close();
  expect(errors).toEqual([]);
});

/** The conversation goes on: the text comes back, and none before it is missing. */
async function goesOn(...wanted: string[]): Promise<void> {
  await eventually(page, state, 'CONNECTED');
  await eventually(page, texts, wanted);
}

describe('a page', () => {
  it('goes on after a cut', async () => {
    await say('before');
    await goesOn('before');
    cutter.cut();
    await eventually(page, () => window.states.includes('RECONNECTING'), true);
    await say('after');
    await goesOn('before', 'after');
  });

  it('goes on when a killed relay is back', async () => {
    await relay.kill();
    await eventually(page, () => window.states.includes('RECONNECTING'), true);
    await say('to nobody');
    await relay.start();
    await goesOn('to nobody');
  });

  it('goes on after having been frozen', async () => {
    const session = await unfocused(page);
    await session.send('Page.setWebLifecycleState', { state: 'frozen' });
    cutter.cut();
    await session.send('Page.setWebLifecycleState', { state: 'active' });
    await say('thawed');
    await goesOn('thawed');
    expect(await page.evaluate(() => window.lifecycle)).toEqual(['freeze', 'resume']);
  });

  it('goes on after being offline', async () => {
    await context.setOffline(true);
    cutter.refuse();
    await eventually(page, () => window.client.state !== 'CONNECTED', true);
    await say('offline');
    cutter.refuse(false);
    await context.setOffline(false);
    await goesOn('offline');
  });
});
