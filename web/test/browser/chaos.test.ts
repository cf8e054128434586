/** The control page of `limpet chaos` in a browser. Needs build/release/limpet and Chromium. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { launch } from './pages';

const DEADLINE_MS = 15_000;
const program = process.env.LIMPET ?? fileURLToPath(new URL('../../../build/release/limpet', import.meta.url));
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const far = createServer((socket) => void socket.on('error', () => {}).resume());
let browser: Browser;
let end: () => Promise<void>;
let proxy: ChildProcess;
let addresses: { listen: string; control: string };
let client: Socket;
let page: Page;
const errors: string[] = [];

/** A client of the proxy; its number is that of the order in which they came. */
async function dial(): Promise<Socket> {
  const socket = connect(Number(addresses.listen.split(':')[1]), '127.0.0.1').on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

const soon = <T>(read: () => Promise<T>) => expect.poll(read, { timeout: DEADLINE_MS, interval: 50 });
const faults = () => page.locator('#faults code').allTextContents();
const focused = () => page.evaluate(() => document.activeElement!.getAttribute('aria-label'));
const row = (number: number) => page.getByRole('row').filter({ has: page.getByRole('cell', { name: String(number), exact: true }) });

beforeAll(async () => {
  await new Promise<void>((resolve) => far.listen(0, '127.0.0.1', resolve));
  ({ browser, end } = await launch());
});

afterAll(async () => {
  await end?.();
  far.close();
});

beforeEach(async () => {
  const to = `127.0.0.1:${(far.address() as AddressInfo).port}`;
  proxy = spawn(program, ['chaos', '--to', to, '--control', '127.0.0.1:0', '--events', 'json'], { stdio: ['ignore', 'ignore', 'pipe'] });
  const [first] = (await once(createInterface(proxy.stderr!), 'line')) as [string];
  addresses = JSON.parse(first) as typeof addresses;
  client = await dial();
  page = await (await browser.newContext()).newPage();
  page.on('pageerror', (error) => errors.push(error.message));
  await page.goto(`http://${addresses.control}/`);
  await soon(() => row(1).count()).toBe(1);
});

afterEach(async () => {
  client.destroy();
  proxy.kill();
  await page.context().close();
  expect(errors.splice(0)).toEqual([]);
});

it('a button that is pressed while the page looks again does what it says', async () => {
  await row(1).getByText('Freeze').hover();
  await page.mouse.down();
  const ageWas = await row(1).getByRole('cell').nth(3).textContent();
  await soon(() => row(1).getByRole('cell').nth(3).textContent()).not.toBe(ageWas);
  await page.mouse.up();
  await soon(faults).toEqual(['freeze both']);
});

it('the keyboard stays where it is when a button changes its word, and when others come and go', async () => {
  await row(1).getByText('Freeze').focus();
  await page.keyboard.press('Enter');
  await soon(focused).toBe('Thaw connection 1');
  const other = await dial();
  await soon(() => row(2).getByText('Reset').count()).toBe(1);
  other.destroy();
  await soon(() => row(2).getByText('Reset').count()).toBe(0);
  expect(await focused()).toBe('Thaw connection 1');
});

it('the keyboard stays on a fault while another one comes', async () => {
  await page.getByLabel('Freeze', { exact: true }).check();
  await page.getByLabel('Turn off freeze').focus();
  await fetch(`http://${addresses.control}/faults`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"fault":"flap 200ms 200ms"}' });
  await soon(faults).toEqual(['freeze both', 'flap 200ms 200ms']);
  await soon(() => page.textContent('#faults')).toContain('down now');
  await soon(() => page.textContent('#faults')).not.toContain('down now');
  expect(await focused()).toBe('Turn off freeze');
});

it('"All faults off" turns off those of one connection, too', async () => {
  await page.getByLabel('Refuse new ones').check();
  await row(1).getByText('Freeze').click();
  await soon(faults).toEqual(['refuse', 'freeze both']);
  await page.click('text=All faults off');
  await soon(faults).toEqual([]);
  await soon(() => page.getByLabel('Refuse new ones').isChecked()).toBe(false);
});

it('another value is for the direction of the fault that is on', async () => {
  await page.getByLabel('up, to the target').check();
  await page.getByLabel('Delay', { exact: true }).check();
  await soon(faults).toEqual(['delay up 200ms jitter 50ms']);
  await page.getByLabel('both ways').check();
  await page.getByLabel('Delay: value').fill('300ms');
  await page.keyboard.press('Enter');
  await soon(faults).toEqual(['delay up 300ms']);
});

it('a long word in an error does not widen the page', async () => {
  await page.setViewportSize({ width: 360, height: 740 });
  await page.getByLabel('Any fault').fill('freeze'.repeat(50));
  await page.keyboard.press('Enter');
  await soon(() => page.textContent('#trouble')).toContain('freezefreeze');
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
});

it.each(['light', 'dark'] as const)('is accessible: %s', async (colorScheme) => {
  await page.emulateMedia({ colorScheme });
  await page.getByLabel('Freeze', { exact: true }).check();
  await page.getByLabel('Any fault').fill('nonsense');
  await page.keyboard.press('Enter');
  await soon(() => page.textContent('#trouble')).toContain('nonsense');
  await page.evaluate(axe); // by the debugger, which the page's policy does not bind
  const found = await page.evaluate(async () => (await (globalThis as unknown as { axe: { run(): Promise<{ violations: { id: string }[] }> } }).axe.run()).violations.map(({ id }) => id));
  expect(found).toEqual([]);
});
