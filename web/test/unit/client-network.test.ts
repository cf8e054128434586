/** @vitest-environment jsdom */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Client } from '../../src/client/client';
import type { ClientOptions } from '../../src/client/types';
import { FakeSocket, FakeWebSocket, fakeTime } from './fake-socket';

let client: Client;

function open(options: Partial<ClientOptions> = {}): void {
  client = new Client({ url: 'ws://far.test/', WebSocket: FakeWebSocket, jitter: 'none', ...options });
  client.connect();
  FakeSocket.last.open();
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

function network(isUp: boolean): void {
  vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(isUp);
  window.dispatchEvent(new Event(isUp ? 'online' : 'offline'));
}

beforeEach(() => {
  FakeSocket.reset();
  fakeTime();
});

afterEach(async () => {
  client.disconnect();
  await pass(5000);
  vi.restoreAllMocks();
  vi.useRealTimers();
});

test('offline: no attempt is spent; online: dialed within 50 ms', async () => {
  open({ heartbeat: 'ping' });
  network(false);
  expect(client.state).toBe('CONNECTED');
  expect(FakeSocket.last.messages).toEqual([{ type: 'ping' }]);
  await pass(2000);
  expect(client.state).toBe('WAITING_FOR_NETWORK');
  await pass(30000);
  expect(FakeSocket.all).toHaveLength(1);
  network(true);
  await pass(50);
  FakeSocket.last.open();
  expect(client.state).toBe('CONNECTED');
  expect(client.metrics().attempt).toBe(0);
});

test('a missed online event: one safety dial each maxDelayMs', async () => {
  open();
  network(false);
  FakeSocket.last.end();
  expect(client.state).toBe('WAITING_FOR_NETWORK');
  await pass(60000);
  expect(FakeSocket.all).toHaveLength(2);
  FakeSocket.last.end();
  expect(client.state).toBe('WAITING_FOR_NETWORK');
  await pass(60000);
  FakeSocket.last.open();
  expect(client.state).toBe('CONNECTED');
});

test('this machine itself is never offline', async () => {
  open({ url: 'ws://localhost:8085/ws' });
  network(false);
  expect(FakeSocket.all).toHaveLength(1);
  FakeSocket.last.end();
  expect(client.state).toBe('RECONNECTING');
});

test.each<[string, ClientOptions['url']]>([
  ['relative to a page from it', '/ws'],
  ['asked for', () => 'ws://localhost:8085/ws'],
])('nor is it with an address that is %s', (_, url) => {
  network(false);
  client = new Client({ url, WebSocket: FakeWebSocket });
  client.connect();
  expect([client.state, FakeSocket.all.length]).toEqual(['CONNECTING', 1]);
  FakeSocket.last.end();
  expect(client.state).toBe('RECONNECTING');
});

test('an address that is asked for, elsewhere: known to be offline with the first dial', () => {
  network(false);
  client = new Client({ url: () => 'ws://far.test/', WebSocket: FakeWebSocket });
  client.connect();
  FakeSocket.last.end();
  expect([client.state, client.metrics().attempt]).toEqual(['WAITING_FOR_NETWORK', 0]);
  client.disconnect();
  client.connect();
  expect([client.state, FakeSocket.all.length]).toEqual(['WAITING_FOR_NETWORK', 1]);
});

test('shown again without a heartbeat: dialed anew at once', async () => {
  open();
  document.dispatchEvent(new Event('visibilitychange'));
  await pass(0);
  expect(FakeSocket.all).toHaveLength(2);
  expect(FakeSocket.all[0]!.isClosed).toBe(true);
});

test('shown again and again without a heartbeat: no attempt is spent, not even where there is none', async () => {
  open({ maxRetries: 0 });
  for (let times = 2; times < 20; times++) {
    document.dispatchEvent(new Event('visibilitychange'));
    await pass(0);
    expect(FakeSocket.all).toHaveLength(times);
    expect(client.metrics().attempt).toBe(0);
    FakeSocket.last.open();
  }
  expect(client.state).toBe('CONNECTED');
});

test('shown again with a heartbeat: asked at once', () => {
  open({ heartbeat: 'ping' });
  const event = Object.assign(new Event('pageshow'), { persisted: true });
  window.dispatchEvent(event);
  expect(FakeSocket.last.messages).toEqual([{ type: 'ping' }]);
});

test('becoming visible revives FAILED', async () => {
  open({ maxRetries: 0 });
  FakeSocket.last.end();
  expect(client.state).toBe('FAILED');
  document.dispatchEvent(new Event('visibilitychange'));
  await pass(50);
  FakeSocket.last.open();
  expect(client.state).toBe('CONNECTED');
});

test('one set of listeners for all clients, gone when they rest', async () => {
  const added = vi.spyOn(window, 'addEventListener');
  const removed = vi.spyOn(window, 'removeEventListener');
  open();
  const other = new Client({ url: 'ws://far.test/', WebSocket: FakeWebSocket });
  other.connect();
  expect(added.mock.calls.filter(([type]) => type === 'online')).toHaveLength(1);
  client.disconnect();
  other.disconnect();
  await pass(5000);
  expect(removed.mock.calls.filter(([type]) => type === 'online')).toHaveLength(1);
});

test('connect while the page seems offline waits; loopback is dialed', async () => {
  vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false);
  client = new Client({ url: 'ws://far.test/', WebSocket: FakeWebSocket });
  client.connect();
  expect(client.state).toBe('WAITING_FOR_NETWORK');
  network(true);
  await pass(50);
  expect(FakeSocket.all).toHaveLength(1);
  vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false);
  const near = new Client({ url: 'ws://127.0.0.1:1/', WebSocket: FakeWebSocket });
  near.connect();
  expect(near.state).toBe('CONNECTING');
  near.disconnect();
});

test.each([
  ['ws://localhost/', true], ['ws://a.localhost:8/', true], ['ws://u:p@127.1.2.3/', true], ['ws://[::1]:9/', true],
  ['ws://localhost.far.test/', false], ['ws://localhost@far.test/', false], ['ws://far.test/?localhost', false], ['', false],
])('loopback %s: %s', async (url, expected) => {
  const { isLoopback } = await import('../../src/client/network');
  expect(isLoopback(url)).toBe(expected);
});
