import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Client } from '../../src/client/client';
import type { ClientOptions } from '../../src/client/types';
import { FakeSocket, FakeWebSocket, fakeTime } from './fake-socket';

const made: Client[] = [];

function make(options: Partial<ClientOptions> = {}): Client {
  const client = new Client({ url: 'ws://far.test/ws?token=secret', WebSocket: FakeWebSocket, jitter: 'none', ...options });
  made.push(client);
  return client;
}

/** All reports of a client, as short texts in order. */
function record(client: Client): string[] {
  const seen: string[] = [];
  client.listen({
    open: () => seen.push('open'),
    close: () => seen.push('close'),
    message: (data) => seen.push(`message ${data}`),
    error: (error) => seen.push(`error ${error.kind}`),
    state: (to, _from, reason) => seen.push(`${to} ${reason}`),
    retry: (attempt, most, delayMs) => seen.push(`retry ${attempt}/${most} ${delayMs}`),
  });
  return seen;
}

function connected(options: Partial<ClientOptions> = {}): Client {
  const client = make(options);
  client.connect();
  FakeSocket.last.open();
  return client;
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => {
  FakeSocket.reset();
  fakeTime();
});

afterEach(async () => {
  for (const client of made.splice(0)) client.disconnect();
  await pass(70000);
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('states', () => {
  test('connect, open, loss, retry, open: in order, with reasons', async () => {
    const client = make();
    const seen = record(client);
    client.connect();
    FakeSocket.last.open();
    FakeSocket.last.end();
    await pass(1000);
    FakeSocket.last.open();
    expect(seen).toEqual([
      'CONNECTING connect', 'open', 'CONNECTED opened', 'error connection_lost', 'close', 'DISCONNECTED lost',
      'retry 1/10 1000', 'RECONNECTING retry', 'open', 'CONNECTED opened',
    ]);
    expect(client.metrics().reconnects).toBe(1);
  });
});
