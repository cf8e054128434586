import { describe, expect, test, vi } from 'vitest';
import {
  calculateBackoffDelay, createWebSocketClient, EnhancedWebSocketClient, getWebSocketClient, toNovaError, type ReconnectConfig,
  type WsHandlers,
} from '../../src/index';
import { createConnectionStore } from '../../src/store';
import { eachAnew, FakeSocket, FakeWebSocket, pass } from './fake-socket';

const made = eachAnew<EnhancedWebSocketClient>((client) => client.disconnect());

function make(handlers: WsHandlers = {}, config: ReconnectConfig = {}): EnhancedWebSocketClient {
  const client = new EnhancedWebSocketClient('ws://far.test/ws', handlers, { WebSocket: FakeWebSocket, backoffJitter: false, ...config });
  made.push(client);
  return client;
}

function connected(handlers: WsHandlers = {}, config: ReconnectConfig = {}): EnhancedWebSocketClient {
  const client = make(handlers, config);
  client.connect();
  FakeSocket.last.open();
  return client;
}

describe('states', () => {
  test('FAILED is told as ERROR, and once', async () => {
    const states: string[] = [];
    const client = make({ onStateChange: (state) => states.push(state) }, { maxRetries: 1 });
    client.connect();
    FakeSocket.last.end();
    await pass(1000);
    FakeSocket.last.end();
    expect(states).toEqual(['CONNECTING', 'DISCONNECTED', 'RECONNECTING', 'ERROR']);
    expect([client.getState(), client.getMetrics().state]).toEqual(['ERROR', 'ERROR']);
    client.disconnect();
    expect(client.getState()).toBe('CLOSED');
  });

  test('WAITING_FOR_NETWORK is told as DISCONNECTED, and once', () => {
    const states: string[] = [];
    const store = { updateState: vi.fn(), updateMetrics: vi.fn(), setError: vi.fn() };
    const client = connected({ onStateChange: (state) => states.push(state) }, { store });
    client.client.networkChanged(false);
    FakeSocket.last.end();
    expect(client.client.state).toBe('WAITING_FOR_NETWORK');
    expect(states).toEqual(['CONNECTING', 'CONNECTED', 'DISCONNECTED']);
    expect(store.updateState.mock.calls.flat()).toEqual(states);
  });

  test('a handler that throws stops nothing', () => {
    vi.stubGlobal('queueMicrotask', () => {});
    const onOpen = vi.fn();
    const client = connected({ onStateChange: () => { throw new Error('mine'); }, onOpen });
    expect(onOpen).toHaveBeenCalled();
    expect(client.getState()).toBe('CONNECTED');
  });

  test('a server that accepts and drops sees at most 10 connects in 60 s', async () => {
    FakeSocket.auto = (socket) => {
      socket.open();
      setTimeout(() => socket.end(), 10);
    };
    make({}, { backoffJitter: true }).connect();
    await pass(60000);
    expect(FakeSocket.all.length).toBeGreaterThan(3);
    expect(FakeSocket.all.length).toBeLessThanOrEqual(10);
  });
});

describe('messages', () => {
  test('an object keeps its fields, another payload is under `payload`, and type is the caller\'s', () => {
    const client = connected();
    client.send('a', { n: 1, type: 'b' });
    client.send('a', [1]);
    client.send('a', null);
    client.send('a');
    expect(FakeSocket.last.messages).toEqual([
      { type: 'a', n: 1 }, { type: 'a', payload: [1] }, { type: 'a', payload: null }, { type: 'a' },
    ]);
  });

  test('what turns itself into JSON is sent as that', () => {
    const client = connected();
    client.send('at', new Date(0));
    client.send('at', { toJSON: () => ({ x: 1 }) });
    expect(FakeSocket.last.messages).toEqual([{ type: 'at', payload: '1970-01-01T00:00:00.000Z' }, { type: 'at', x: 1 }]);
  });

  test('at most 100 wait, the oldest go first; on the next link they go in order', () => {
    const client = make();
    for (let n = 0; n < 103; n++) client.send('m', { n });
    expect(client.getMetrics()).toMatchObject({ queuedMessages: 100, dropped: 3 });
    client.connect();
    FakeSocket.last.open();
    expect(FakeSocket.last.messages).toEqual(Array.from({ length: 100 }, (_, i) => ({ type: 'm', n: i + 3 })));
  });

  test('clear() and disconnect() drop the queue', () => {
    const client = make();
    client.send('a');
    client.clear();
    expect(client.getMetrics().queuedMessages).toBe(0);
    client.connect();
    client.send('a');
    client.disconnect();
    expect(client.getMetrics().queuedMessages).toBe(0);
  });

  test('typing is sent only while connected', () => {
    const client = make();
    client.sendTyping('c', 'u');
    client.connect();
    FakeSocket.last.open();
    expect(FakeSocket.last.sent).toEqual([]);
    client.sendTyping('c', 'u');
    expect(FakeSocket.last.messages).toEqual([{ type: 'typing', conversation_id: 'c', user_id: 'u' }]);
  });

  test('JSON arrives parsed, the rest as it is, typing and pongs elsewhere', () => {
    const onMessage = vi.fn();
    const onTyping = vi.fn();
    connected({ onMessage, onTyping });
    for (const text of ['{"type":"a"}', 'no json', 'null', '{"type":"pong"}']) FakeSocket.last.receive(text);
    FakeSocket.last.receiveJson({ type: 'typing', conversation_id: 'c', user_id: 'u' });
    expect(onMessage.mock.calls).toEqual([[{ type: 'a' }], ['no json'], [null]]);
    expect(onTyping.mock.calls).toEqual([['c', 'u']]);
  });
});

describe('options', () => {
  test('heartbeat: ping each 30 s, lost 10 s later', async () => {
    const onError = vi.fn();
    connected({ onError });
    await pass(30000);
    expect(FakeSocket.last.messages).toEqual([{ type: 'ping' }]);
    await pass(10000);
    expect(onError.mock.calls[0]![0]).toMatchObject({ kind: 'heartbeat_timeout', message: 'Connection lost' });
  });

  test('the names of either kind; out of range is refused by name', async () => {
    const retries: number[] = [];
    const client = make({}, { backoffMultiplier: 3, initialDelayMs: 100, maxDelayMs: 500 });
    client.client.listen({ retry: (_attempt, _most, delayMs) => retries.push(delayMs) });
    FakeSocket.auto = 'refuse';
    client.connect();
    await pass(1500);
    expect(retries.slice(0, 3)).toEqual([100, 300, 500]);
    expect(() => make({}, { maxRetries: -1 })).toThrow(/maxRetries/);
    expect(() => make({}, { backoffMultiplier: 0 })).toThrow(/ backoffMultiplier 0 is not/);
    expect(() => make({}, { backoffJitter: 'some' as never })).toThrow(/ backoffJitter 'some' is not/);
  });

  test('store: fed by the client itself', async () => {
    const store = { updateState: vi.fn(), updateMetrics: vi.fn(), setError: vi.fn() };
    connected({}, { store });
    FakeSocket.last.end();
    expect(store.updateState.mock.calls.flat()).toEqual(['CONNECTING', 'CONNECTED', 'DISCONNECTED', 'RECONNECTING']);
    expect(store.updateMetrics.mock.calls.map(([metrics]) => metrics.state)).toEqual(['CONNECTING', 'CONNECTED', 'DISCONNECTED', 'RECONNECTING']);
    expect(store.setError.mock.calls.map(([error]) => error.kind)).toEqual(['connection_lost']);
  });

  test('store: a store of the package too', () => {
    const store = createConnectionStore();
    const client = connected({}, { store: store.getState() });
    store.getState().bind(client.client);
    make(); // newer, but not this store's
    expect(store.getState()).toMatchObject({ state: 'CONNECTED', isConnected: true });
    expect(store.getState().metrics).toMatchObject({ connected: true });
  });
});

describe('calculateBackoffDelay', () => {
  test('without jitter: grows by the multiplier up to the cap', () => {
    const config = { backoffJitter: false };
    expect([0, 1, 2, 9, 100].map((attempt) => calculateBackoffDelay(attempt, config))).toEqual([1000, 1500, 2250, 38443, 60000]);
  });

  test('with jitter: from half of it on', () => {
    const delays = Array.from({ length: 200 }, () => calculateBackoffDelay(1));
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(750);
    expect(Math.max(...delays)).toBeLessThanOrEqual(1500);
    expect(new Set(delays).size).toBeGreaterThan(1);
  });

  test.each<ReconnectConfig>([
    { multiplier: 3, jitter: 'none' }, { backoffMultiplier: 2, multiplier: 3, backoffJitter: 'none' }, { initialDelayMs: 90000 },
  ])('%j: is what the client waits', async (config) => {
    const client = make({}, { backoffJitter: false, ...config });
    const delays: number[] = [];
    client.client.listen({ retry: (_attempt, _most, delayMs) => delays.push(delayMs) });
    FakeSocket.auto = 'refuse';
    client.connect();
    await pass(300000);
    expect(delays.slice(0, 3)).toEqual([0, 1, 2].map((attempt) => calculateBackoffDelay(attempt, { backoffJitter: false, ...config })));
  });

  test.each([-1, 0.5, NaN])('%d is no attempt', (attempt) => {
    expect(() => calculateBackoffDelay(attempt)).toThrow(RangeError);
  });
});

describe('the newest client', () => {
  test('is the one made last', () => {
    make();
    const client = createWebSocketClient('ws://far.test/', {}, { WebSocket: FakeWebSocket });
    expect(getWebSocketClient()).toBe(client);
  });
});

describe('toNovaError', () => {
  test('a client\'s error keeps its kind and sentence', () => {
    const onError = vi.fn();
    connected({ onError });
    FakeSocket.last.end(4000, 'go away');
    expect(toNovaError(onError.mock.calls[0]![0])).toMatchObject({
      kind: 'closed_by_peer', message: 'WebSocket error', detail: '4000 go away', retryable: false, timestamp: Date.now(),
    });
  });

  test.each([[new Error('x'), 'x'], ['x', 'x'], [null, ''], [undefined, ''], [new Event('error'), 'error'], [{ message: 'x' }, 'x']])(
    '%s is unknown, with its detail', (thrown, detail) => {
      expect(toNovaError(thrown)).toMatchObject({ kind: 'unknown', message: 'WebSocket error', detail, cause: thrown });
    });

  test('whatever it is given, it answers', () => {
    const details = [Object.create(null), { message: Object.create(null) }, 42, Symbol('x'), { type: 'close', code: 1006, reason: '' }]
      .map((error) => toNovaError(error).detail);
    expect(details).toEqual(['', '', '42', 'Symbol(x)', 'close 1006']);
  });

  test('each has an id of its own', () => {
    expect(toNovaError('x').id).not.toBe(toNovaError('x').id);
  });
});
