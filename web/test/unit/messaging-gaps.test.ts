/** The messaging store asks from where nothing is missing, whatever its own POSTs have stored beyond that. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createMessagingStore } from '../../src/store/messaging';
import { FakeSocket, FakeWebSocket, fakeTime } from './fake-socket';

const message = (n: number) => ({
  type: 'message', id: `m${n}`, conversation_id: 'c', sender_id: 'y', plaintext: 'x', sequence_number: n, created_at: '2026-01-01T00:00:00Z',
});
const asked = () => FakeSocket.all.map(({ url }) => new URL(url).searchParams.get('after'));
const stores = (n: number) => vi.stubGlobal('fetch', async () => new Response(JSON.stringify(message(n)), { status: 201 }));
const make = (onError: (error: unknown) => void = () => {}) =>
  createMessagingStore({ wsBase: 'ws://far.test', WebSocket: FakeWebSocket, jitter: 'none', onError });

beforeEach(() => {
  FakeSocket.reset();
  fakeTime();
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test('a POST while the link is down does not skip what others said meanwhile', async () => {
  const store = make();
  store.getState().connectWs('c', 'me');
  FakeSocket.last.open();
  FakeSocket.last.receiveJson(message(7));
  FakeSocket.last.end();
  stores(10);
  await store.getState().sendMessage('c', 'me', 'x', 'm10');
  await vi.advanceTimersByTimeAsync(1000);
  store.getState().disconnectWs();
  expect(asked()).toEqual(['0', '7']);
});

test('a POST before the first link does not skip what came before it', async () => {
  const store = make();
  stores(10);
  await store.getState().sendMessage('c', 'me', 'x', 'm10');
  store.getState().connectWs('c', 'me');
  store.getState().disconnectWs();
  expect(asked()).toEqual(['0']);
});

test('nor does the history', async () => {
  const store = make();
  stores(10);
  await store.getState().sendMessage('c', 'me', 'x', 'm10');
  const urls: string[] = [];
  vi.stubGlobal('fetch', async (url: string) => (urls.push(url), new Response('{"messages":[]}')));
  await store.getState().loadHistory('c');
  expect(urls).toEqual([expect.stringContaining('after=0')]);
});

test('a history that cannot be loaded is told', async () => {
  const errors: unknown[] = [];
  vi.stubGlobal('fetch', async () => new Response('', { status: 500 }));
  await expect(make((error) => errors.push(error)).getState().loadHistory('c')).rejects.toThrow('500');
  expect(errors).toHaveLength(1);
});
