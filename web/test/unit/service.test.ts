import { describe, expect, test, vi } from 'vitest';
import EnhancedWebSocketService, { type ServiceOptions } from '../../src/service';
import { eachAnew, FakeSocket, FakeWebSocket, pass } from './fake-socket';

const URL = 'ws://far.test/ws';
const made = eachAnew<EnhancedWebSocketService>((service) => service.destroy());

function make(options: ServiceOptions = {}): EnhancedWebSocketService {
  const service = new EnhancedWebSocketService({ WebSocket: FakeWebSocket, jitter: 'none', ...options });
  made.push(service);
  return service;
}

async function connected(options: ServiceOptions = {}): Promise<EnhancedWebSocketService> {
  const service = make(options);
  const isConnected = service.connect(URL);
  FakeSocket.last.open();
  await isConnected;
  return service;
}

function record(service: EnhancedWebSocketService): string[] {
  const seen: string[] = [];
  service.onConnectionState((state, reason) => seen.push(`${state} ${reason}`));
  return seen;
}

/** How a promise stands: after the microtasks. */
async function outcome(promise: Promise<unknown>): Promise<string> {
  let how = 'pending';
  promise.then(() => (how = 'resolved'), (error) => (how = `rejected: ${(error as Error).message}`));
  await pass(0);
  return how;
}

describe('the promise of connect()', () => {
  test('resolves at the first CONNECTED, after retries too', async () => {
    const promise = make().connect(URL);
    FakeSocket.last.end();
    expect(await outcome(promise)).toBe('pending');
    await pass(1000);
    FakeSocket.last.open();
    expect(await outcome(promise)).toBe('resolved');
  });

  test('the parameters become the query, next to what the address has', () => {
    void make().connect(`${URL}?room=1`, { sessionId: '12 3', token: 'a&b', absent: undefined }).catch(() => {});
    expect(FakeSocket.last.url).toBe(`${URL}?room=1&sessionId=12+3&token=a%26b`);
  });

  test('rejects at error and at failed', async () => {
    const critical = make().connect(URL);
    FakeSocket.last.end(4000, 'go away');
    expect(await outcome(critical)).toMatch(/^rejected/);
    FakeSocket.auto = 'refuse';
    const given = make({ maxReconnectAttempts: 1 });
    const promise = given.connect(URL);
    const how = outcome(promise);
    await pass(5000);
    expect(await how).toBe('pending'); // at the first look
    expect(await outcome(promise)).toBe('rejected: Gave up reconnecting');
    expect(given.getState()).toBe('failed');
  });

  test('rejects at disconnect() and destroy()', async () => {
    const one = make();
    const first = one.connect(URL);
    one.disconnect();
    expect(await outcome(first)).toMatch(/^rejected: .*disconnected/);
    const two = make();
    const second = two.connect(URL);
    two.destroy();
    expect(await outcome(second)).toMatch(/^rejected: .*destroyed/);
    expect(await outcome(two.connect(URL))).toMatch(/^rejected: .*destroyed/);
  });

  test('while connected: resolved at once, on the same link', async () => {
    const service = await connected();
    expect(await outcome(service.connect(URL))).toBe('resolved');
    expect(FakeSocket.all).toHaveLength(1);
  });

  test('right after disconnect(): waits for the next link', async () => {
    const service = await connected();
    service.disconnect();
    const promise = service.connect(URL);
    expect(await outcome(promise)).toBe('pending');
    expect(FakeSocket.all).toHaveLength(2);
    FakeSocket.last.open();
    expect(await outcome(promise)).toBe('resolved');
    expect(service.getState()).toBe('connected');
  });

  test('asked for by a handler at failed: about the new dial', async () => {
    FakeSocket.auto = 'refuse';
    const service = make({ maxReconnectAttempts: 1 });
    let second: Promise<void> | undefined;
    service.onConnectionState((state) => {
      if (state !== 'failed' || second) return;
      FakeSocket.auto = 'nothing';
      second = service.connect(URL);
    });
    service.connect(URL).catch(() => {});
    await pass(5000);
    expect(await outcome(second!)).toBe('pending');
    FakeSocket.last.open();
    expect(await outcome(second!)).toBe('resolved');
  });

  test('ended and asked for again by a handler at connected: about the next link', async () => {
    const service = make();
    let second: Promise<void> | undefined;
    service.onConnectionState((state) => {
      if (state !== 'connected' || second) return;
      service.disconnect();
      second = service.connect(URL);
    });
    service.connect(URL).catch(() => {});
    FakeSocket.last.open();
    expect([await outcome(second!), service.getState(), FakeSocket.all.length]).toEqual(['pending', 'connecting', 2]);
    FakeSocket.last.open();
    expect(await outcome(second!)).toBe('resolved');
  });

  test('no address: rejects, and says so', async () => {
    expect(await outcome(make().connect(''))).toMatch(/url is missing/);
  });

  test('another address: the first conversation ends, and its promise with it', async () => {
    const service = make();
    const first = service.connect(URL);
    const second = service.connect('ws://other.test/');
    expect(await outcome(first)).toMatch(/^rejected: .*another connect/);
    FakeSocket.last.open();
    expect(await outcome(second)).toBe('resolved');
    expect(FakeSocket.last.url).toBe('ws://other.test/');
  });
});

describe('handlers', () => {
  test('by type, several of each, and * for all', async () => {
    const service = await connected();
    const seen: unknown[] = [];
    service.onMessage('a', (message) => seen.push(['a1', message.n]));
    const remove = service.onMessage('a', (message) => seen.push(['a2', message.n]));
    service.onMessage('*', (message) => seen.push(['*', message?.n ?? message]));
    FakeSocket.last.receiveJson({ type: 'a', n: 1 });
    remove();
    remove();
    FakeSocket.last.receiveJson({ type: 'a', n: 2 });
    FakeSocket.last.receiveJson({ type: 'b', n: 3 });
    FakeSocket.last.receive('no json');
    FakeSocket.last.receive('null');
    expect(seen).toEqual([['a1', 1], ['a2', 1], ['*', 1], ['a1', 2], ['*', 2], ['*', 3], ['*', 'no json'], ['*', null]]);
  });

  test('the same function twice is two handlers; removing one leaves the other', async () => {
    const service = await connected();
    const handler = vi.fn();
    const remove = service.onMessage('a', handler);
    service.onMessage('a', handler);
    remove();
    FakeSocket.last.receiveJson({ type: 'a' });
    expect(handler).toHaveBeenCalledTimes(1);
  });

  test('removed or destroyed by one before it: not called any more', async () => {
    const service = make();
    const seen: unknown[] = [];
    const ends: (() => void)[] = [];
    service.onMessage('a', () => ends.forEach((end) => end()));
    ends.push(service.onMessage('a', () => seen.push('a')));
    service.onMessage('b', () => service.destroy());
    service.onMessage('b', () => seen.push('b'));
    service.onConnectionState((state) => state === 'connected' && ends[1]!());
    ends.push(service.onConnectionState((state) => seen.push(state)));
    void service.connect(URL);
    FakeSocket.last.open();
    FakeSocket.last.receiveJson({ type: 'a' });
    FakeSocket.last.receiveJson({ type: 'b' });
    await pass(0);
    expect(seen).toEqual(['connecting']);
  });

  test('one that throws keeps no other from its call, and its error is reported as uncaught', async () => {
    const late: (() => void)[] = [];
    vi.stubGlobal('queueMicrotask', (callback: () => void) => late.push(callback));
    const service = make();
    const seen: string[] = [];
    service.onConnectionState(() => { throw new Error('state'); });
    service.onConnectionState((state) => seen.push(state));
    service.onMessage('a', () => { throw new Error('message'); });
    service.onMessage('a', () => seen.push('a'));
    service.onMessage('*', () => seen.push('*'));
    const promise = service.connect(URL);
    FakeSocket.last.open();
    FakeSocket.last.receiveJson({ type: 'a' });
    await promise;
    vi.unstubAllGlobals();
    expect(seen).toEqual(['connecting', 'connected', 'a', '*']);
    const thrown = late.map((callback) => { try { callback(); return ''; } catch (error) { return (error as Error).message; } });
    expect(thrown.filter(Boolean)).toEqual(['state', 'state', 'message']);
  });
});

describe('states', () => {
  test('connected, lost, retried, given up: in order, with reasons', async () => {
    const service = make({ maxReconnectAttempts: 1 });
    const seen = record(service);
    void service.connect(URL).catch(() => {});
    FakeSocket.last.open();
    FakeSocket.last.end();
    await pass(1000);
    FakeSocket.last.end();
    expect(seen).toEqual([
      'connecting connect', 'connected opened', 'disconnected lost', 'reconnecting retry', 'failed gave_up',
    ]);
    seen.length = 0;
    service.disconnect();
    expect(seen).toEqual(['disconnected disconnect']);
    expect(service.getState()).toBe('disconnected');
  });

  test('error: a loss that no retry can cure', async () => {
    const service = await connected();
    const seen = record(service);
    FakeSocket.last.end(4000);
    expect(seen[seen.length - 1]).toBe('error critical');
  });

  test('waiting_for_network: offline ends the retrying, online dials at once', async () => {
    const page = new EventTarget();
    vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
    vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page));
    vi.stubGlobal('navigator', { onLine: true });
    const service = await connected();
    const seen = record(service);
    FakeSocket.last.end();
    vi.stubGlobal('navigator', { onLine: false });
    page.dispatchEvent(new Event('offline'));
    expect(service.getState()).toBe('waiting_for_network');
    await pass(10000);
    expect(FakeSocket.all).toHaveLength(1);
    vi.stubGlobal('navigator', { onLine: true });
    page.dispatchEvent(new Event('online'));
    await pass(1000);
    expect(FakeSocket.all).toHaveLength(2);
    FakeSocket.last.open();
    expect(seen).toEqual([
      'disconnected lost', 'reconnecting retry', 'waiting_for_network network_down', 'reconnecting network_up', 'connected opened',
    ]);
  });
});

describe('sending', () => {
  test('is queued while there is no link, unless told not to', async () => {
    const service = make();
    expect(service.send({ type: 'a' })).toBe(false); // no address is known yet
    void service.connect(URL);
    expect(service.send({ type: 'a' })).toBe(true);
    expect(service.send({ type: 'b' }, false)).toBe(false);
    expect(service.getMetrics()).toMatchObject({ queuedMessages: 1 });
    FakeSocket.last.open();
    expect(service.send('text', false)).toBe(true);
    expect(FakeSocket.last.sent).toEqual(['{"type":"a"}', 'text']);
  });

  test('disconnect() drops the queue; connect() starts again', async () => {
    const service = await connected();
    FakeSocket.last.end();
    service.send('old');
    service.disconnect();
    const promise = service.connect(URL);
    FakeSocket.last.open();
    expect(await outcome(promise)).toBe('resolved');
    expect(FakeSocket.last.sent).toEqual([]);
  });

  test('destroy(): the link is closed with 1000, no handler is called, no timer is left', async () => {
    const service = await connected();
    const handler = vi.fn();
    service.onMessage('*', handler);
    const link = FakeSocket.last;
    service.destroy();
    service.destroy();
    link.receiveJson({ type: 'a' });
    await pass(5000);
    expect(link.closedWith).toBe(1000);
    expect(handler).not.toHaveBeenCalled();
    expect(() => service.send('a')).toThrow('destroyed');
    expect(vi.getTimerCount()).toBe(0);
    expect(() => service.onMessage('x', () => {})).toThrow('destroyed');
    expect(() => service.onConnectionState(() => {})).toThrow('destroyed');
  });
});

describe('options', () => {
  test('the heartbeat is asked each heartbeatInterval, and a missing answer is a loss', async () => {
    const service = await connected({ heartbeatInterval: 2000, heartbeatTimeout: 500 });
    await pass(2000);
    expect(FakeSocket.last.messages).toEqual([{ type: 'heartbeat', timestamp: Date.now() }]);
    await pass(500);
    expect(service.getState()).toBe('reconnecting');
  });

  test('delays by the service\'s own names', async () => {
    const lines: string[] = [];
    FakeSocket.auto = 'refuse';
    const service = make({
      maxReconnectAttempts: 3, initialReconnectDelay: 100, maxReconnectDelay: 250, reconnectBackoffFactor: 2, logger: (line) => lines.push(line),
    });
    void service.connect(URL).catch(() => {});
    await pass(1000);
    expect(lines.filter((line) => line.includes('attempt'))).toEqual([
      '[WebSocket] Reconnect attempt 1/3 in 100ms', '[WebSocket] Reconnect attempt 2/3 in 200ms', '[WebSocket] Reconnect attempt 3/3 in 250ms',
    ]);
  });

  test('a value out of range is refused by the constructor, naming it', () => {
    expect(() => make({ heartbeatInterval: -1 })).toThrow(/ heartbeatInterval /);
    expect(() => make({ maxReconnectAttempts: -1 })).toThrow(/ maxReconnectAttempts -1 is not/);
    expect(() => make({ initialReconnectDelay: 10, maxReconnectDelay: 5 })).toThrow('initialReconnectDelay is more than maxReconnectDelay');
  });

  test('a server that accepts and drops sees at most 10 connects in 60 s', async () => {
    FakeSocket.auto = (socket) => {
      socket.open();
      setTimeout(() => socket.end(), 10);
    };
    void make({ jitter: 'equal' }).connect(URL);
    await pass(60000);
    expect(FakeSocket.all.length).toBeGreaterThan(3);
    expect(FakeSocket.all.length).toBeLessThanOrEqual(10);
  });
});
