/** The database fails in every way it can: callers are told, nothing that was kept is lost. */
import { IDBFactory, IDBObjectStore } from 'fake-indexeddb';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { OfflineQueue, type OfflineQueueError } from '../../src/offline';
import { FakeBrowser, accepted, message, offline, quiet, until } from './offline-support';

let browser: FakeBrowser;
beforeEach(() => void (browser = new FakeBrowser()));
afterEach(() => {
  vi.restoreAllMocks();
  browser.end();
});

const errorOf = (promise: Promise<unknown>) => promise.then(() => null, (error: OfflineQueueError) => error);
const stored = (queue: OfflineQueue) => queue.pending().then((list) => list.map((m) => m.plaintext));
const named = (name: string, text = 'told so') => new DOMException(text, name);

/** The next call of a store's method fails. */
function failOnce(method: 'add' | 'put' | 'delete' | 'get', fail: (store: IDBObjectStore) => never | void, matches = (_: IDBObjectStore, __: unknown[]) => true) {
  const prototype = IDBObjectStore.prototype as unknown as Record<string, (...args: unknown[]) => unknown>;
  const original = prototype[method]!;
  const spy = vi.spyOn(prototype, method).mockImplementation(function (this: unknown, ...args: unknown[]) {
    const store = this as IDBObjectStore;
    if (!matches(store, args)) return original.apply(this, args);
    spy.mockRestore();
    fail(store);
    return original.apply(this, args);
  });
}

const throws = (error: Error) => () => {
  throw error;
};

test('on a server: constructing and starting are harmless, keeping is unavailable and says why', async () => {
  vi.stubGlobal('indexedDB', undefined);
  const queue = browser.tab();
  queue.start();
  const error = await errorOf(queue.enqueue(message('1')));
  expect(error).toMatchObject({ kind: 'unavailable', message: expect.stringContaining('no IndexedDB') });
  await until(() => queue.getSnapshot().lastError?.kind === 'unavailable');
  expect(vi.getTimerCount()).toBe(0);
});

test('a channel that is refused, as by Firefox without cookies: no call throws, what is kept is delivered', async () => {
  vi.stubGlobal('BroadcastChannel', class {
    constructor() {
      throw named('SecurityError', 'The operation is insecure.');
    }
  });
  const queue = browser.tab();
  queue.start();
  queue.subscribe(() => {});
  queue.wake();
  await queue.enqueue(message('1'));
  await until(() => browser.server.stored.length === 1);
});

test('constructing touches nothing', () => {
  const touched: string[] = [];
  const names = ['indexedDB', 'fetch', 'BroadcastChannel', 'addEventListener', 'navigator', 'setTimeout', 'setInterval'];
  const before = names.map((name) => Object.getOwnPropertyDescriptor(globalThis, name)!);
  for (const name of names) Object.defineProperty(globalThis, name, { configurable: true, get: () => void touched.push(name) });
  new OfflineQueue();
  names.forEach((name, i) => Object.defineProperty(globalThis, name, before[i]!));
  expect(touched).toEqual([]);
});

describe('opening', () => {
  const opensWith = (error: DOMException) => {
    vi.spyOn(IDBFactory.prototype, 'open').mockImplementationOnce(() => {
      const request = { error } as unknown as IDBOpenDBRequest;
      setImmediate(() => request.onerror!(new Event('error')));
      return request as never;
    });
  };

  test.each([
    ['InvalidStateError', 'unavailable', 'private'],
    ['UnknownError', 'unavailable', 'told so'],
    ['VersionError', 'unavailable', 'newer version'],
    ['QuotaExceededError', 'quota', 'no more room'],
  ])('%s is %s, and the next call tries again', async (name, kind, sentence) => {
    const queue = browser.tab();
    vi.stubGlobal('navigator', {});
    opensWith(named(name));
    const error = await errorOf(queue.enqueue(message('1')));
    expect(error).toMatchObject({ kind, message: expect.stringContaining(sentence) });
    expect(error!.cause).toMatchObject({ name });
    expect(await errorOf(queue.enqueue(message('1')))).toBeNull();
  });

  test('open that throws, as in a sandboxed frame', async () => {
    vi.spyOn(IDBFactory.prototype, 'open').mockImplementation(throws(named('SecurityError')));
    expect(await errorOf(browser.tab().count())).toMatchObject({ kind: 'unavailable', message: expect.stringContaining('SecurityError') });
  });

  test('open that never answers ends after ten seconds', async () => {
    vi.spyOn(IDBFactory.prototype, 'open').mockImplementation(() => ({}) as never);
    const error = errorOf(browser.tab().enqueue(message('1')));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await error).toMatchObject({ kind: 'unavailable', message: expect.stringContaining('does not answer') });
  });

  test('a database of that name that is no outbox is left alone', async () => {
    const other = browser.indexedDB.open('mine', 1);
    await until(() => other.readyState === 'done');
    other.result.close();
    const error = await errorOf(browser.tab({ name: 'mine' }).enqueue(message('1')));
    expect(error).toMatchObject({ kind: 'unavailable', message: expect.stringContaining("'mine' is not an outbox") });
  });
});

describe('keeping', () => {
  beforeEach(() => void (browser.server.answer = offline));

  test.each([
    ['add throws', () => failOnce('add', throws(named('DataError'))), 'storage'],
    ['add runs out of room', () => failOnce('add', throws(named('QuotaExceededError'))), 'quota'],
    ['the transaction is aborted', () => failOnce('add', (store) => store.transaction.abort()), 'storage'],
    ['the totals cannot be written', () => failOnce('put', throws(named('UnknownError')), (_, args) => args[1] === 'totals'), 'storage'],
  ])('%s: rejected, not kept, and what was kept stays', async (_, inject, kind) => {
    const queue = browser.tab();
    await queue.enqueue(message('1'));
    inject();
    expect(await errorOf(queue.enqueue(message('2')))).toMatchObject({ kind, name: 'OfflineQueueError' });
    await queue.enqueue(message('3'));
    expect(await stored(queue)).toEqual(['1', '3']);
    expect(await queue.count()).toBe(2);
  });

  test('quota that shows only at the commit', async () => {
    const queue = browser.tab();
    await queue.enqueue(message('1'));
    failOnce('put', (store) => {
      const tx = store.transaction as unknown as { _abort(name: string): void };
      store.put(0, 'probe').addEventListener('success', () => tx._abort('QuotaExceededError'));
    }, (_, args) => args[1] === 'totals');
    expect(await errorOf(queue.enqueue(message('2')))).toMatchObject({ kind: 'quota' });
    expect(await stored(queue)).toEqual(['1']);
  });

  test('enqueue resolves only after the commit', async () => {
    const queue = browser.tab();
    await queue.count();
    let isCommitted = false;
    failOnce('add', (store) => void store.transaction.addEventListener('complete', () => (isCommitted = true)));
    await queue.enqueue(message('1'));
    expect(isCommitted).toBe(true);
  });

  test('transactions ask for strict durability', async () => {
    const { IDBDatabase } = await import('fake-indexeddb');
    const spy = vi.spyOn(IDBDatabase.prototype, 'transaction');
    await browser.tab().enqueue(message('1'));
    const writes = spy.mock.calls.filter(([, mode]) => mode === 'readwrite') as unknown[][];
    expect(writes.length).toBeGreaterThan(0);
    for (const call of writes) expect(call[2]).toEqual({ durability: 'strict' });
  });
});

test('a delivery that cannot be noted down is repeated under the same id, and then gone', async () => {
  const queue = browser.tab();
  failOnce('delete', throws(named('UnknownError')));
  await queue.enqueue({ ...message('1'), id: 'x' });
  await until(() => queue.getSnapshot().lastError?.kind === 'storage' || browser.server.posts.length === 1);
  await quiet();
  expect(await queue.count()).toBe(1);
  await vi.advanceTimersByTimeAsync(1100);
  await until(async () => (await queue.count()) === 0);
  expect(browser.server.posts.map((post) => post.id)).toEqual(['x', 'x']);
});

describe('other hands on the database', () => {
  test('an upgrade by another tab is let through, and this tab says that a newer version made it', async () => {
    browser.server.answer = offline;
    const queue = browser.tab();
    await queue.enqueue(message('1'));
    const upgrade = browser.indexedDB.open('limpet-offline', 2);
    await until(() => upgrade.readyState === 'done');
    expect(upgrade.result.version).toBe(2);
    expect(await errorOf(queue.enqueue(message('2')))).toMatchObject({ kind: 'unavailable', message: expect.stringContaining('newer') });
    upgrade.result.close();
  });

  test('a deletion goes through, and a new database is made', async () => {
    browser.server.answer = offline;
    const queue = browser.tab();
    await queue.enqueue(message('1'));
    const deletion = browser.indexedDB.deleteDatabase('limpet-offline');
    await until(() => deletion.readyState === 'done');
    browser.server.answer = accepted;
    expect(await errorOf(queue.enqueue(message('2')))).toBeNull();
    await vi.advanceTimersByTimeAsync(5000);
    await until(async () => (await queue.count()) === 0);
    expect(browser.server.stored.filter((text) => text === '2')).toEqual(['2']); // the late answer for 1 did not remove it
  });
});
