import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { WebSocket as NodeSocket, WebSocketServer } from 'ws';
import { LimpetSocket, type LimpetSocketOptions } from '../../src/socket';
import { newest } from '../../src/client/registry';
import { FakeSocket, FakeWebSocket, fakeTime } from './fake-socket';

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const made: LimpetSocket[] = [];

function make(options: LimpetSocketOptions = {}): LimpetSocket {
  const socket = new LimpetSocket('ws://far.test/ws', undefined, { WebSocket: FakeWebSocket, jitter: 'none', ...options });
  made.push(socket);
  return socket;
}

function record(socket: LimpetSocket): string[] {
  const seen: string[] = [];
  for (const type of ['open', 'message', 'error', 'close'] as const)
    socket.addEventListener(type, (event) => {
      const { code, data } = event as CloseEvent & MessageEvent;
      seen.push([type, code ?? data ?? ''].join(' ').trim());
    });
  return seen;
}

describe('as WebSocket', () => {
  beforeEach(() => {
    FakeSocket.reset();
    fakeTime();
  });

  afterEach(async () => {
    for (const socket of made.splice(0)) socket.close();
    await pass(5000);
    vi.useRealTimers();
  });

  test('dials at construction; handlers and listeners hear; readyState follows', async () => {
    const socket = make();
    const seen = record(socket);
    const handled: unknown[] = [];
    socket.onopen = () => handled.push(socket.readyState);
    socket.onmessage = (event) => handled.push(event.data);
    expect([socket.readyState, LimpetSocket.OPEN, socket.CLOSED]).toEqual([0, 1, 3]);
    FakeSocket.last.open();
    FakeSocket.last.receive('hello');
    socket.close(3001, 'bye');
    expect(socket.readyState).toBe(2);
    await pass(0);
    expect(socket.readyState).toBe(3);
    expect(FakeSocket.last.closedWith).toBe(3001);
    expect(handled).toEqual([1, 'hello']);
    expect(seen).toEqual(['open', 'message hello', 'close 3001']);
  });

  test('a handler is given the event as a listener is: with its target', () => {
    const socket = make();
    const targets: unknown[] = [];
    socket.onopen = function (event) {
      targets.push(this, event.target, event.currentTarget);
    };
    FakeSocket.last.open();
    expect(targets.every((target) => target === socket)).toBe(true);
    expect(targets).toHaveLength(3);
  });

  test('a loss is error, close, and open again', async () => {
    const socket = make();
    const seen = record(socket);
    FakeSocket.last.open();
    FakeSocket.last.end(1006);
    expect(socket.readyState).toBe(0);
    await pass(1000);
    FakeSocket.last.open();
    expect(seen).toEqual(['open', 'error', 'close 1006', 'open']);
  });

  test('each failed dial is error and close; the end is CLOSED without another close', async () => {
    FakeSocket.auto = 'refuse';
    const socket = make({ maxRetries: 1 });
    const seen = record(socket);
    await pass(5000);
    expect(seen).toEqual(['error', 'close 1006', 'error', 'close 1006']);
    expect(socket.readyState).toBe(3);
    expect(socket.shouldReconnect).toBe(false);
  });

  test('closed while dialing or waiting: one close event, no more dials', async () => {
    const socket = make();
    const seen = record(socket);
    FakeSocket.last.end();
    seen.length = 0;
    socket.close();
    await pass(60000);
    expect(seen).toEqual(['close 1006']);
    expect(FakeSocket.all).toHaveLength(1);
  });

  test('closed while waiting after a dial that failed: one close event still', async () => {
    const socket = make();
    FakeSocket.last.end();
    await pass(1000);
    FakeSocket.last.end();
    const seen = record(socket);
    expect(socket.readyState).toBe(0);
    let during = -1;
    socket.onclose = () => (during = socket.readyState);
    socket.close();
    await pass(0);
    expect([seen, during, socket.readyState]).toEqual([['close 1006'], 3, 3]);
  });

  test.each<[string, (far: FakeSocket) => void, string]>([
    ['open', (far) => far.open(), 'close 1006'],
    ['open, final', (far) => far.open(), 'close 4000'],
    ['dialing', () => {}, 'close 1006'],
  ])('closed in onerror at a loss while %s: one close event', async (_, prepare, close) => {
    const socket = make();
    prepare(FakeSocket.last);
    const seen = record(socket);
    socket.onerror = () => socket.close();
    FakeSocket.last.end(Number(close.slice(6)));
    await pass(0);
    expect([seen, socket.readyState]).toEqual([['error', close], 3]);
  });

  test.each<[string, () => void, string]>([
    ['open', () => FakeSocket.last.open(), 'close 1000'],
    ['dialing', () => {}, 'close 1006'],
    ['waiting', () => FakeSocket.last.end(), 'close 1006'],
  ])('reconnect() and send() in onclose after close() while %s: one close event, the message goes over the next link', async (_, prepare, close) => {
    const socket = make();
    const seen: string[] = [];
    prepare();
    const dials = FakeSocket.all.length;
    socket.addEventListener('close', (event) => {
      seen.push(`close ${event.code}`);
      socket.reconnect();
      socket.send('again');
    });
    socket.close();
    await pass(0);
    expect([seen, socket.readyState, FakeSocket.all.length]).toEqual([[close], 0, dials + 1]);
    FakeSocket.last.open();
    expect(FakeSocket.last.sent).toEqual(['again']);
  });

  test.each<[string, () => void]>([
    ['open', () => FakeSocket.last.open()],
    ['dialing', () => {}],
    ['waiting', () => FakeSocket.last.end()],
  ])('close() while %s comes back before its event: whoever listens behind it hears it', async (_, prepare) => {
    const socket = make();
    prepare();
    socket.close();
    const seen = record(socket);
    await pass(0);
    expect(seen.map((line) => line.slice(0, 5))).toEqual(['close']);
  });

  test('closed while dialing after an earlier close: its code is not told again', async () => {
    const socket = make();
    const seen = record(socket);
    FakeSocket.last.open();
    socket.close(3001);
    await pass(0);
    socket.reconnect();
    socket.close();
    await pass(0);
    expect(seen).toEqual(['open', 'close 3001', 'close 1006']);
  });

  test('send and close in onopen: the message goes out first', async () => {
    const socket = make();
    socket.onopen = () => {
      socket.send('last words');
      socket.close();
    };
    FakeSocket.last.open();
    await pass(0);
    expect(FakeSocket.last.sent).toEqual(['last words']);
    expect(socket.readyState).toBe(3);
  });

  test('what is sent early waits, and counts as buffered', () => {
    const socket = make();
    socket.send('äö');
    expect(socket.bufferedAmount).toBe(4);
    FakeSocket.last.open();
    expect(socket.bufferedAmount).toBe(0);
    expect(FakeSocket.last.sent).toEqual(['äö']);
  });

  test('larger than the queue: refused while waiting, passed on while open', () => {
    const socket = make({ queueLimitBytes: 10 });
    expect(() => socket.send('x'.repeat(11))).toThrow(/too large/);
    FakeSocket.last.open();
    socket.send('x'.repeat(11));
    expect(FakeSocket.last.sent).toHaveLength(1);
  });

  test.each([
    ['before the first dial', async () => make({ queueLimitBytes: 10, startClosed: true })],
    ['after close', async () => {
      const socket = make({ queueLimitBytes: 10 });
      socket.close();
      await pass(0);
      return socket;
    }],
    ['when it has given up', async () => {
      const socket = make({ queueLimitBytes: 10, maxRetries: 0 });
      FakeSocket.last.end();
      return socket;
    }],
  ])('larger than the queue %s: refused, as it cannot wait', async (_, at) => {
    const socket = await at();
    expect(socket.readyState).toBe(3);
    expect(() => socket.send('x'.repeat(11))).toThrow(/too large/);
  });

  test('larger than the queue in onopen: passed on, behind what waits', async () => {
    const socket = make({ queueLimitBytes: 10 });
    const large = 'x'.repeat(11);
    socket.onopen = () => socket.send(large);
    FakeSocket.last.open();
    expect(FakeSocket.last.sent).toEqual([large]);
    FakeSocket.last.end();
    await pass(1000);
    socket.onopen = () => {
      socket.send('a');
      socket.send(large);
    };
    FakeSocket.last.open();
    expect(FakeSocket.last.sent).toEqual(['a', large]);
  });

  test.each([[1001, undefined, 'InvalidAccessError'], [5000, undefined, 'InvalidAccessError'], [1000, 'x'.repeat(124), 'SyntaxError']])(
    'close(%s, %s) is %s', (code, reason, name) => {
      expect(() => make().close(code, reason)).toThrow(expect.objectContaining({ name }));
    });

  test.each(['ftp://far.test/', 'ws://far.test/#x', 'nonsense'])('%s is a SyntaxError, as of WebSocket', (url) => {
    expect(() => new LimpetSocket(url, [], { WebSocket: FakeWebSocket })).toThrow(expect.objectContaining({ name: 'SyntaxError' }));
  });

  test('binaryType reaches the present link and the next', async () => {
    const socket = make();
    expect(socket.binaryType).toBe('blob');
    socket.binaryType = 'arraybuffer';
    expect(FakeSocket.last.binaryType).toBe('arraybuffer');
    FakeSocket.last.open();
    FakeSocket.last.end();
    await pass(1000);
    expect(FakeSocket.last.binaryType).toBe('arraybuffer');
  });

  test('the names of the other reconnecting sockets are understood', async () => {
    const lines: unknown[] = [];
    const socket = make({
      startClosed: true, minReconnectionDelay: 200, maxReconnectionDelay: 300, reconnectionDelayGrowFactor: 2, minUptime: 100,
      connectionTimeout: 4000, maxRetries: 5, maxEnqueuedMessages: 1, debug: true, debugLogger: (line) => lines.push(line),
    });
    expect([socket.readyState, FakeSocket.all.length]).toEqual([3, 0]);
    socket.send('a');
    socket.send('b');
    socket.reconnect();
    await pass(4000); // the first dial hangs
    await pass(200);
    FakeSocket.last.end();
    await pass(299);
    expect(FakeSocket.all).toHaveLength(2);
    await pass(1);
    expect(FakeSocket.all).toHaveLength(3);
    expect(socket.retryCount).toBe(2);
    FakeSocket.last.open();
    expect(FakeSocket.last.sent).toEqual(['b']);
    await pass(100);
    expect(socket.retryCount).toBe(0);
    expect(lines).toContain('[WebSocket] Reconnect attempt 2/5 in 300ms');
  });

  test('reconnect() changes the link and keeps the queue', async () => {
    const socket = make();
    FakeSocket.last.open();
    FakeSocket.last.flushes = false;
    socket.send('kept');
    socket.reconnect();
    await pass(0);
    expect(FakeSocket.all).toHaveLength(2);
    FakeSocket.last.open();
    expect(FakeSocket.last.sent).toEqual(['kept']);
  });

  test('providers for address and protocols; the newest client is known', async () => {
    const socket = new LimpetSocket(() => 'wss://a.test/x', async () => ['one', 'two'], { WebSocket: FakeWebSocket });
    made.push(socket);
    await pass(0);
    expect([FakeSocket.last.url, FakeSocket.last.protocols]).toEqual(['wss://a.test/x', ['one', 'two']]);
    expect(newest()).toBe(socket.client);
  });

  test('a throwing handler is reported and stops nothing', async () => {
    const socket = make();
    const thrown: unknown[] = [];
    const queue = vi.spyOn(globalThis, 'queueMicrotask').mockImplementation((task) => {
      try {
        task();
      } catch (error) {
        thrown.push(error);
      }
    });
    const seen = record(socket);
    socket.onopen = socket.onclose = () => {
      throw new Error('mine');
    };
    FakeSocket.last.open();
    expect(socket.readyState).toBe(1);
    FakeSocket.last.end();
    socket.onopen = socket.onclose = null;
    queue.mockRestore();
    expect(thrown).toEqual([new Error('mine'), new Error('mine')]);
    expect(seen).toEqual(['open', 'error', 'close 1006']);
  });
});

test('a real server: terminated, it is dialed again and gets what was sent meanwhile', async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  const got = new Promise<string>((resolve) => {
    server.once('connection', (first) => {
      server.once('connection', (second) => second.once('message', (data) => resolve(String(data))));
      first.once('message', () => first.terminate());
    });
  });
  const socket = new LimpetSocket(`ws://127.0.0.1:${port}/`, [], { WebSocket: NodeSocket as never, initialDelayMs: 10 });
  socket.send('first');
  socket.onclose = () => {
    socket.onclose = null;
    socket.send('second');
  };
  expect(await got).toBe('second');
  expect(socket.client.metrics().reconnects).toBe(1);
  const closed = new Promise((resolve) => (socket.onclose = resolve));
  socket.close();
  expect(await closed).toMatchObject({ code: 1000, wasClean: true });
  await new Promise((resolve) => server.close(resolve));
});
