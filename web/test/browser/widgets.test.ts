/** The widgets where only a browser can tell: in a page that is laid out. Needs Chromium. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { launch, script, Site } from './pages';

const body = `
  const box = document.body.appendChild(document.createElement('div'));
  const tall = box.appendChild(document.createElement('div'));
  Object.assign(box.style, { height: '100px', overflow: 'auto' });
  Object.assign(tall.style, { height: '5000px' });
  box.appendChild(document.createElement('limpet-status')).setAttribute('position', 'static');`;
let browser: Browser;
let end: () => Promise<void>;
let site: Site;

beforeAll(async () => {
  site = new Site(await script(body), 1);
  ({ browser, end } = await launch());
});

afterAll(async () => {
  await end?.();
  await site?.stop();
});

it('a status that stands in a part that scrolls does not lengthen the page', async () => {
  const page = await (await browser.newContext()).newPage();
  await page.goto(await site.start());
  await expect.poll(() => page.locator('limpet-status').count()).toBe(2);
  expect(await page.evaluate(() => document.documentElement.scrollHeight - innerHeight)).toBe(0);
});
