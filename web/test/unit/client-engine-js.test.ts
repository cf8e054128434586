import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Client } from '../../src/client/client';
import { setEngine } from '../../src/engine/engine';
import { makeJsEngine } from '../../src/engine/js';
import { FakeSocket, FakeWebSocket, fakeTime } from './fake-socket';

beforeEach(() => {
  FakeSocket.reset();
  fakeTime();
  setEngine(makeJsEngine());
});

afterEach(() => void vi.useRealTimers());

test('the client runs on the JavaScript engine too, also when its memory grows', async () => {
  FakeSocket.auto = 'open';
  const options = { url: 'ws://far.test/', WebSocket: FakeWebSocket, queueLimit: 1000 };
  const clients = Array.from({ length: 500 }, () => new Client(options));
  for (const client of clients) for (let i = 0; i < 20; i++) client.send(`${i}`);
  for (const client of clients) client.connect();
  await vi.advanceTimersByTimeAsync(0);
  expect(clients.every(({ state }) => state === 'CONNECTED')).toBe(true);
  expect(FakeSocket.all.every(({ sent }) => sent.length === 20 && sent[19] === '19')).toBe(true);
  expect(clients[499]!.metrics()).toMatchObject({ messagesOut: 20, queuedMessages: 0, state: 'CONNECTED' });
  for (const client of clients) client.disconnect();
  await vi.advanceTimersByTimeAsync(0);
  expect(clients.every(({ state }) => state === 'CLOSED')).toBe(true);
  expect(vi.getTimerCount()).toBe(0);
});
