/** The outbox in several tabs: one delivers, another takes over, all see it. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type OfflineQueue } from '../../src/offline';
import { FakeBrowser, accepted, message, offline, quiet, refused, until, watch } from './offline-support';

let browser: FakeBrowser;
afterEach(() => browser.end());

const owners = (tabs: OfflineQueue[]) => tabs.filter((tab) => tab.getSnapshot().isOwner);
const texts = (count: number) => Array.from({ length: count }, (_, i) => String(i));

describe.each([
  ['Web Locks and channel', { hasLocks: true, hasChannel: true }],
  ['a lease and channel', { hasLocks: false, hasChannel: true }],
  ['a lease and no channel', { hasLocks: false, hasChannel: false }],
])('with %s', (_, parts) => {
  test('two tabs enqueue, one delivers, each message once, one at a time', async () => {
    browser = new FakeBrowser(parts);
    const tabs = [browser.tab(), browser.tab()];
    tabs.forEach((tab) => tab.start());
    await until(() => owners(tabs).length === 1);
    await Promise.all(texts(20).map((text, i) => tabs[i % 2]!.enqueue(message(text))));
    await until(async () => {
      await vi.advanceTimersByTimeAsync(50);
      return (await tabs[0]!.count()) === 0;
    });
    expect([...browser.server.stored].sort()).toEqual(texts(20).sort());
    expect(browser.server.mostAtOnce).toBe(1);
    expect(owners(tabs).length).toBe(1);
  });

  test('closing the owner makes the other one deliver what waits', async () => {
    browser = new FakeBrowser(parts);
    browser.server.answer = offline;
    const first = browser.tab();
    await first.enqueue(message('1'));
    await until(() => first.getSnapshot().isOwner);
    const second = browser.tab();
    second.start();
    await quiet();
    expect(second.getSnapshot().isOwner).toBe(false);
    browser.server.answer = accepted;
    first.close();
    await quiet();
    await vi.advanceTimersByTimeAsync(2100);
    await until(async () => (await second.count()) === 0);
    expect(second.getSnapshot().isOwner).toBe(true);
    expect(browser.server.stored).toEqual(['1']);
  });

  test('the other tab sees what waits, what failed and the trouble', async () => {
    browser = new FakeBrowser(parts);
    browser.server.answer = offline;
    const tabs = [browser.tab(), browser.tab()] as const;
    tabs[0].start();
    await until(() => tabs[0].getSnapshot().isOwner);
    const seen = watch(tabs[1]);
    await tabs[0].enqueue(message('1'));
    await vi.advanceTimersByTimeAsync(3100);
    await until(() => seen.at(-1)?.pending === 1);
    if (parts.hasChannel) await until(() => seen.at(-1)!.lastError?.kind === 'delivery');
    browser.server.answer = () => refused(403);
    tabs[0].wake();
    await quiet();
    await vi.advanceTimersByTimeAsync(3100);
    await until(() => seen.at(-1)!.failed === 1 && seen.at(-1)!.pending === 0);
  });
});

test('what a tab kept that ended before it could say so is delivered within a minute', async () => {
  browser = new FakeBrowser();
  const [owner, other] = [browser.tab(), browser.tab()];
  owner.start();
  await until(() => owner.getSnapshot().isOwner);
  await quiet();
  const kept = other.enqueue(message('last words'));
  other.close();
  await kept;
  await quiet();
  expect(browser.server.stored).toEqual([]);
  await vi.advanceTimersByTimeAsync(60_001);
  await until(() => browser.server.stored.length === 1);
  await until(async () => owner.getSnapshot().pending === 0);
});

test('a new owner does not show what the old one was sending', async () => {
  browser = new FakeBrowser();
  browser.server.answer = () => 'hang';
  const [owner, other] = [browser.tab(), browser.tab()];
  await owner.enqueue({ ...message('1'), id: 'x' });
  other.start();
  await until(() => owner.getSnapshot().sending === 'x');
  await other.enqueue(message('2'));
  await until(() => other.getSnapshot().pending === 2);
  await other.discard('x');
  const seen = watch(other);
  browser.server.answer = accepted;
  owner.close();
  await until(async () => (await other.count()) === 0);
  await until(() => other.getSnapshot().sending === null && seen.at(-1)!.isOwner);
});

test('wake in any tab reaches the owner', async () => {
  browser = new FakeBrowser();
  browser.server.answer = offline;
  const [owner, other] = [browser.tab({ initialDelayMs: 60_000 }), browser.tab()];
  await owner.enqueue(message('1'));
  await until(() => owner.getSnapshot().lastError !== null);
  await quiet();
  browser.server.answer = accepted;
  other.wake();
  await until(async () => (await other.count()) === 0);
});

describe('the lease', () => {
  /** A tab that took the lease and died. */
  async function leave(untilMs: number): Promise<void> {
    const tab = browser.tab();
    await tab.count();
    tab.close();
    await quiet();
    await put('lease', { owner: 'dead', untilMs });
  }

  function put(key: string, value: unknown): Promise<void> {
    return new Promise((resolve, reject) => {
      const request = browser.indexedDB.open('limpet-offline');
      request.onsuccess = () => {
        const tx = request.result.transaction('meta', 'readwrite');
        tx.objectStore('meta').put(value, key);
        tx.oncomplete = () => (request.result.close(), resolve());
        tx.onabort = () => reject(tx.error);
      };
    });
  }

  test.each([
    ['until its time is over', 3000, 4100],
    ['six seconds, if its time is far away, as after a clock set back', 3_600_000, 6100],
  ])('of a dead tab is respected %s', async (_, leftMs, freeAfterMs) => {
    browser = new FakeBrowser({ hasLocks: false });
    await leave(Date.now() + leftMs);
    const tab = browser.tab();
    tab.start();
    await quiet();
    for (let ms = 0; ms < freeAfterMs - 2000; ms += 1000) {
      await vi.advanceTimersByTimeAsync(1000);
      await quiet();
      if (ms + 1000 < leftMs && ms + 1000 < 6000) expect(tab.getSnapshot().isOwner).toBe(false);
    }
    await vi.advanceTimersByTimeAsync(2100);
    await until(() => tab.getSnapshot().isOwner);
  });

  test('a tab that slept longer than its lease, while another took it, sends nothing', async () => {
    browser = new FakeBrowser({ hasLocks: false });
    const tab = browser.tab();
    tab.start();
    await until(() => tab.getSnapshot().isOwner);
    await put('lease', { owner: 'other', untilMs: Date.now() + 60_000 });
    vi.setSystemTime(Date.now() + 7000);
    await tab.enqueue(message('1'));
    await quiet();
    expect(browser.server.posts).toEqual([]);
    await vi.advanceTimersByTimeAsync(2100);
    await until(() => !tab.getSnapshot().isOwner);
    await quiet();
    expect(browser.server.posts).toEqual([]);
  });

  test('is kept by its owner over a long time', async () => {
    browser = new FakeBrowser({ hasLocks: false });
    const tabs = [browser.tab(), browser.tab()] as const;
    tabs[0].start();
    await until(() => tabs[0].getSnapshot().isOwner);
    tabs[1].start();
    for (let s = 0; s < 30; s++) {
      await vi.advanceTimersByTimeAsync(1000);
      await quiet();
      expect(owners([...tabs])).toEqual([tabs[0]]);
    }
  });
});

test('a refused lock is asked for again', async () => {
  browser = new FakeBrowser();
  let refusals = 1;
  const { locks } = navigator;
  const request = locks.request.bind(locks) as (...args: unknown[]) => Promise<unknown>;
  vi.stubGlobal('navigator', { locks: { request: (...args: unknown[]) => (refusals-- > 0 ? Promise.reject(new Error('no')) : request(...args)) } });
  const tab = browser.tab();
  await tab.enqueue(message('1'));
  await quiet();
  expect(browser.server.posts).toEqual([]);
  await vi.advanceTimersByTimeAsync(6100);
  await until(async () => (await tab.count()) === 0);
});
