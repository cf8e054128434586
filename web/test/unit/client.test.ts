import { describe, expect, test, vi } from 'vitest';
import { Client } from '../../src/client/client';
import { watchNewest } from '../../src/client/registry';
import type { ClientOptions } from '../../src/client/types';
import { eachAnew, FakeSocket, FakeWebSocket, pass } from './fake-socket';

const made = eachAnew<Client>((client) => client.disconnect());

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

describe('losing and coming back', () => {
  test('backoff grows by the multiplier up to the cap; after the last retry FAILED', async () => {
    const client = make({ maxRetries: 3, initialDelayMs: 1000, maxDelayMs: 2000 });
    FakeSocket.auto = 'refuse';
    const seen = record(client);
    client.connect();
    await pass(60000);
    expect(seen.filter((line) => line.startsWith('retry'))).toEqual(['retry 1/3 1000', 'retry 2/3 1500', 'retry 3/3 2000']);
    expect(seen.slice(-3)).toEqual(['error connection_lost', 'error gave_up', 'FAILED gave_up']);
    expect(FakeSocket.all).toHaveLength(4);
    expect(client.lastError).toMatchObject({ message: 'Gave up reconnecting', retryable: false });
  });

  test('a refused dial says so; a close code of the peer is told, 4000 is final', async () => {
    const client = make();
    client.connect();
    FakeSocket.last.end(1006);
    expect(client.lastError).toMatchObject({ kind: 'connection_lost', detail: 'could not connect', message: 'Connection error' });
    await pass(1000);
    FakeSocket.last.open();
    FakeSocket.last.end(4000, 'go away');
    expect(client.lastError).toMatchObject({ kind: 'closed_by_peer', closeCode: 4000, retryable: false, detail: '4000 go away' });
    expect(client.state).toBe('ERROR');
  });

  test('a dial that hangs is dropped after connectTimeoutMs, and its late open is nothing', async () => {
    const client = make({ connectTimeoutMs: 500 });
    client.connect();
    const [first] = FakeSocket.all;
    await pass(500);
    expect(client.lastError?.kind).toBe('connect_timeout');
    expect(first!.isClosed).toBe(true);
    first!.readyState = 0;
    first!.open();
    expect(client.state).toBe('RECONNECTING');
  });

  test('a server that accepts and drops sees at most 10 connects in 60 s', async () => {
    FakeSocket.auto = (socket) => {
      socket.open();
      setTimeout(() => socket.end(), 10);
    };
    make({ jitter: 'equal' }).connect();
    await pass(60000);
    expect(FakeSocket.all.length).toBeGreaterThan(3);
    expect(FakeSocket.all.length).toBeLessThanOrEqual(10);
  });

  test('the policy overrules, with the default told; one that throws stops nothing', async () => {
    const asked: unknown[] = [];
    const client = connected({
      policy: (error, byDefault) => {
        asked.push([error.kind, byDefault]);
        return error.closeCode === 4001 ? 'retry_now' : 'give_up';
      },
    });
    FakeSocket.last.end(4001);
    await pass(0);
    FakeSocket.last.open();
    expect(client.state).toBe('CONNECTED');
    FakeSocket.last.end(1001);
    expect(client.state).toBe('ERROR');
    expect(asked).toEqual([['closed_by_peer', 'give_up'], ['closed_by_peer', 'back_off']]);
  });

  test('try now dials at once, whatever it waits for', () => {
    const client = connected();
    FakeSocket.last.end();
    client.retryNow();
    expect(FakeSocket.all).toHaveLength(2);
  });
});

describe('addresses', () => {
  test.each([['http://far.test/a', 'ws://far.test/a'], ['https://far.test/', 'wss://far.test/']])('%s is dialed as %s', (url, dialed) => {
    make({ url }).connect();
    expect(FakeSocket.last.url).toBe(dialed);
  });

  test.each([
    ['ws://far.test/ws?flag&sig=a%20b~c', 't &=#', 'ws://far.test/ws?flag&sig=a%20b~c&token=t%20%26%3D%23'],
    ['ws://far.test/ws', 't', 'ws://far.test/ws?token=t'],
    ['ws://far.test/ws?', 't', 'ws://far.test/ws?token=t'],
    ['ws://far.test/ws?a=1', null, 'ws://far.test/ws?a=1'],
  ])('%s with the token %s keeps its query as it is', (url, token, dialed) => {
    make({ url, token: token as string }).connect();
    expect(FakeSocket.last.url).toBe(dialed);
  });

  test.each(['ftp://far.test', 'ws://far.test/#part', 'not a url'])('%s is critical', (url) => {
    const client = make({ url });
    client.connect();
    expect(client.state).toBe('ERROR');
    expect(client.lastError).toMatchObject({ kind: 'invalid_argument', retryable: false });
  });

  test('providers are asked at each dial, a token joins the query, and no secret shows', async () => {
    let count = 0;
    const lines: string[] = [];
    const client = make({
      url: async () => 'ws://user:pass@far.test/ws?room=1', token: () => `t${++count}`, logger: (line) => lines.push(line),
    });
    client.connect();
    await pass(0);
    FakeSocket.last.open();
    FakeSocket.last.end();
    await pass(1000);
    expect(FakeSocket.all.map(({ url }) => new URL(url).searchParams.get('token'))).toEqual(['t1', 't2']);
    expect(client.metrics().url).toBe('ws://***@far.test/ws?room=***&token=***');
    expect(client.url).toContain('t2');
    expect(lines.join()).not.toMatch(/pass|t1|t2/);
  });

  test.each([
    ['throws', () => { throw new Error('no ticket'); }, 'no ticket'],
    ['rejects', () => Promise.reject(new Error('no ticket')), 'no ticket'],
    ['hangs', () => new Promise<string>(() => {}), 'no answer in time'],
  ])('a provider that %s is retried', async (_what, token, detail) => {
    const client = make({ token, providerTimeoutMs: 100 });
    client.connect();
    await pass(100);
    expect(client.lastError).toMatchObject({ kind: 'provider', retryable: true, detail });
    expect(client.state).toBe('RECONNECTING');
    expect(FakeSocket.all).toHaveLength(0);
  });
});

describe('heartbeat', () => {
  test('asked each interval; the reply in time keeps the link and stays hidden', async () => {
    const client = connected({ heartbeat: 'ping' });
    const seen = record(client);
    await pass(30000);
    expect(FakeSocket.last.messages).toEqual([{ type: 'ping' }]);
    await pass(9999);
    FakeSocket.last.receiveJson({ type: 'pong' });
    await pass(10000);
    expect(client.state).toBe('CONNECTED');
    expect(seen).toEqual([]);
    expect(client.metrics().rttLastMs).toBeGreaterThanOrEqual(9999);
  });

  test('late: the link is dropped at once, and its later words are not heard', async () => {
    const client = connected({ heartbeat: 'ping' });
    const [first] = FakeSocket.all;
    first!.answersClose = false;
    await pass(39999);
    expect(client.state).toBe('CONNECTED');
    await pass(1);
    expect(client.lastError).toMatchObject({ kind: 'heartbeat_timeout', message: 'Connection lost' });
    expect(client.state).toBe('RECONNECTING');
    const seen = record(client);
    first!.end();
    expect(seen).toEqual([]);
    await pass(1000);
    expect(FakeSocket.all).toHaveLength(2);
  });

  test('what an abandoned link says does not reach the next one', async () => {
    const client = connected({ heartbeat: 'ping' });
    const [first] = FakeSocket.all;
    first!.answersClose = false;
    const handlers = { ...first! }; // as if its events had been in the queue already
    await pass(41000);
    FakeSocket.last.open();
    const seen = record(client);
    (handlers.onmessage as unknown as (event: MessageEvent) => void)(new MessageEvent('message', { data: 'old' }));
    (handlers.onclose as unknown as (event: Event) => void)(new Event('close'));
    client.send('new');
    expect(seen).toEqual([]);
    expect([client.state, FakeSocket.last.isClosed, FakeSocket.last.sent]).toEqual(['CONNECTED', false, ['new']]);
  });

  test('a timer that fires late lets a pong that waits be seen first', async () => {
    const client = connected({ heartbeat: 'ping' });
    await pass(39990);
    vi.setSystemTime(Date.now()); // keep Date where it is
    const clock = performance.now.bind(performance);
    let asleep = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => clock() + asleep);
    asleep = 500; // this page was busy: the deadline is over, the pong is in the event queue
    vi.advanceTimersByTime(10);
    FakeSocket.last.receiveJson({ type: 'pong' });
    await pass(1);
    vi.restoreAllMocks();
    expect(client.state).toBe('CONNECTED');
    expect(client.lastError).toBeNull();
  });

  test('a frozen page gets a probe timeout for the answer, not a verdict', async () => {
    const client = connected({ heartbeat: 'ping' });
    await pass(30000);
    const clock = performance.now.bind(performance);
    vi.spyOn(performance, 'now').mockImplementation(() => clock() + 600000);
    await pass(10000);
    expect(client.state).toBe('CONNECTED');
    await pass(2100);
    expect(client.lastError?.kind).toBe('heartbeat_timeout');
    vi.restoreAllMocks();
  });

  test('timestamp: the clock offset is known', async () => {
    const client = connected({ heartbeat: 'timestamp' });
    await pass(30000);
    const [question] = FakeSocket.last.messages as { timestamp: number }[];
    expect(question).toEqual({ type: 'heartbeat', timestamp: Date.now() });
    FakeSocket.last.receiveJson({ type: 'heartbeat_response', timestamp: Date.now() + 500, originalTimestamp: question!.timestamp });
    expect(client.metrics().clockOffsetMs).toBe(500);
  });

  test('what only looks like a reply is a message', () => {
    const client = connected({ heartbeat: 'ping' });
    const seen = record(client);
    FakeSocket.last.receive('the word pong');
    FakeSocket.last.receiveJson({ type: 'pong', pad: 'x'.repeat(600) });
    expect(seen).toHaveLength(2);
  });
});

describe('sending', () => {
  const fates = (client: Client) => {
    const seen: string[] = [];
    client.listen({ fate: (id, fate, drop) => fate !== 'queued' && seen.push(`${id} ${fate} ${drop}`) });
    return seen;
  };

  test('what is sent early waits and goes out in order; all are told to be written', async () => {
    const client = make();
    const seen = fates(client);
    expect([client.send('a'), client.send('b')]).toEqual([1, 2]);
    expect(client.metrics().queuedMessages).toBe(2);
    client.connect();
    FakeSocket.last.open();
    client.send('c');
    expect(FakeSocket.last.sent).toEqual(['a', 'b', 'c']);
    expect(seen).toEqual(['1 written none', '2 written none', '3 written none']);
    expect(client.metrics()).toMatchObject({ queuedMessages: 0, messagesOut: 3, bytesOut: 3 });
  });

  test.each<[string, (bytes: Uint8Array<ArrayBuffer>) => ArrayBuffer | ArrayBufferView]>([
    ['buffer', (bytes) => bytes.buffer],
    ['view', (bytes) => bytes.subarray(1)],
    ['DataView', (bytes) => new DataView(bytes.buffer, 1)],
  ])('a %s that waits keeps its bytes when the caller writes over them', (name, of) => {
    const client = make();
    client.connect();
    const bytes = Uint8Array.of(1, 2, 3);
    client.send(of(bytes));
    bytes.fill(0);
    FakeSocket.last.open();
    expect(FakeSocket.last.sent).toEqual([Uint8Array.from(name === 'buffer' ? [1, 2, 3] : [2, 3])]);
  });

  test('bytes that pass the full queue by and must wait all the same are those of the moment, too', () => {
    const client = connected({ holdUntilReady: true, queueLimitBytes: 10 });
    client.send('x'.repeat(8));
    const bytes = Uint8Array.of(1, 2, 3);
    client.send(bytes);
    bytes.fill(0);
    client.ready();
    expect(FakeSocket.last.sent).toEqual([Uint8Array.of(1, 2, 3)]);
  });

  test('bytes that the browser still held at the cut go again as they were', async () => {
    const client = make();
    client.connect();
    FakeSocket.last.open();
    FakeSocket.last.flushes = false;
    const bytes = Uint8Array.of(1, 2, 3);
    client.send(bytes);
    bytes.fill(0);
    FakeSocket.last.end();
    await pass(1000);
    FakeSocket.last.open();
    expect(FakeSocket.last.sent).toEqual([Uint8Array.of(1, 2, 3)]);
  });

  test('at the limit the oldest goes, and that is told', () => {
    const client = make({ queueLimit: 2 });
    const seen = fates(client);
    for (const text of ['a', 'b', 'c']) client.send(text);
    expect(seen).toEqual(['1 dropped overflow']);
    expect(client.metrics().dropped).toBe(1);
  });

  test('a message with a ttl is dropped when it is over', async () => {
    const client = make();
    const seen = fates(client);
    client.send('a', { ttlMs: 50 });
    await pass(50);
    expect(seen).toEqual(['1 dropped expired']);
  });

  test.each([Infinity, NaN, null, undefined, -5])('a ttl of %s does not end', async (ttlMs) => {
    const client = make();
    const seen = fates(client);
    client.connect();
    client.send('a', { ttlMs: ttlMs as number });
    await pass(50);
    FakeSocket.last.open();
    expect(seen).not.toContain('1 dropped expired');
    expect(FakeSocket.last.sent).toEqual(['a']);
  });

  test('what the browser still held at the cut goes again, in order', async () => {
    const client = connected();
    FakeSocket.last.flushes = false;
    client.send('a');
    client.send('b');
    FakeSocket.last.end();
    await pass(1000);
    FakeSocket.last.open();
    expect(FakeSocket.last.sent).toEqual(['a', 'b']);
  });

  test('what has left the buffer since the last look at it does not go again', async () => {
    const client = connected();
    FakeSocket.last.flushes = false;
    client.send('a');
    FakeSocket.last.flush();
    client.send('b');
    FakeSocket.last.end();
    await pass(1000);
    FakeSocket.last.open();
    expect(FakeSocket.last.sent).toEqual(['b']);
  });

  test('what left the buffer just before the cut does not go again', async () => {
    const client = connected();
    FakeSocket.last.flushes = false;
    client.send('a');
    FakeSocket.last.flush();
    FakeSocket.last.end();
    await pass(1000);
    FakeSocket.last.open();
    expect(FakeSocket.last.sent).toEqual([]);
  });

  test('while open a burst larger than the queue loses nothing', async () => {
    const client = connected({ queueLimitBytes: 1000 });
    const seen = fates(client);
    FakeSocket.last.flushes = false;
    for (let i = 0; i < 30; i++) expect(client.send('x'.repeat(100))).toBe(i + 1);
    client.send('y'.repeat(5000));
    expect(FakeSocket.last.sent).toHaveLength(31);
    FakeSocket.last.flush();
    await pass(100);
    expect(seen.filter((line) => line.includes('dropped'))).toEqual([]);
    expect(client.metrics().queuedBytes).toBe(0);
  });

  test('above a full browser buffer a burst larger than the queue loses nothing, in its order', async () => {
    const client = connected();
    const seen = fates(client);
    FakeSocket.last.bufferedAmount = 2 ** 21;
    FakeSocket.last.flushes = false;
    for (let i = 0; i < 300; i++) client.send(`${i}`.padEnd(10000));
    const numbers = () => (FakeSocket.last.sent as string[]).map(Number);
    expect(numbers().length).toBeGreaterThan(200);
    FakeSocket.last.flush();
    await pass(100);
    expect(numbers()).toEqual(Array.from({ length: 300 }, (_, i) => i));
    expect(seen.filter((line) => line.includes('dropped'))).toEqual([]);
    expect(seen.filter((line) => line.includes('written'))).toHaveLength(300);
  });

  test('a burst larger than the queue in a callback loses nothing, in its order', async () => {
    const client = make({ queueLimitBytes: 100 });
    const seen = fates(client);
    const ids: number[] = [];
    client.listen({
      open: () => {
        FakeSocket.last.bufferedAmount = 2 ** 21;
        for (let i = 0; i < 250; i++) ids.push(client.send(`${i}`));
        FakeSocket.last.bufferedAmount = 0;
        expect(client.bufferedAmount).toBe(10 + 90 * 2 + 150 * 3);
        FakeSocket.last.bufferedAmount = 2 ** 21;
      },
    });
    client.connect();
    FakeSocket.last.open();
    expect(FakeSocket.last.sent).toEqual(Array.from({ length: 250 }, (_, i) => `${i}`));
    expect(ids).toEqual(Array.from({ length: 250 }, (_, i) => i + 1));
    FakeSocket.last.flush();
    await pass(100);
    expect(seen.sort()).toEqual(ids.map((id) => `${id} written none`).sort());
  });

  test('a burst in a callback whose link is gone behind it is bounded, and told of', () => {
    const client = connected({ queueLimitBytes: 100 });
    const seen = fates(client);
    client.listen({
      message: () => {
        for (let i = 0; i < 250; i++) client.send(`${i}`);
        client.send('x'.repeat(101));
        FakeSocket.last.end();
      },
    });
    FakeSocket.last.receive('go');
    const told = seen.filter((line) => /written|dropped overflow/.test(line)).length;
    expect(told + client.metrics().queuedMessages).toBe(251);
    expect(client.metrics().queuedBytes).toBeLessThanOrEqual(100);
  });

  test('a link dropped by a callback takes no message larger than the queue', async () => {
    const client = make({ queueLimitBytes: 10 });
    const seen = fates(client);
    const ids: number[] = [];
    client.listen({
      open: () => {
        client.reconnect();
        ids.push(client.send('more than ten bytes'), client.send('waits'));
      },
    });
    client.connect();
    FakeSocket.last.open();
    expect(ids).toEqual([0, 1]);
    expect(seen).not.toContain('1 written none');
  });

  test('a policy that sends: its link is gone already', async () => {
    const ids: number[] = [];
    const client: Client = connected({
      queueLimitBytes: 10,
      policy: () => {
        ids.push(client.send('more than ten bytes'), client.send('waits'));
        return undefined;
      },
    });
    FakeSocket.last.end();
    expect(ids).toEqual([0, 1]);
    await pass(1000);
    FakeSocket.last.open();
    expect(FakeSocket.last.sent).toEqual(['waits']);
  });

  test('above a full browser buffer messages wait', async () => {
    const client = connected();
    FakeSocket.last.bufferedAmount = 2 ** 21;
    client.send('a');
    client.send('b');
    expect(FakeSocket.last.sent).toEqual(['a']);
    FakeSocket.last.flush();
    await pass(50);
    expect(FakeSocket.last.sent).toEqual(['a', 'b']);
  });

  test('what passes the full queue by never overtakes what waits', async () => {
    const client = connected({ queueLimitBytes: 1000 });
    FakeSocket.last.bufferedAmount = 2 ** 21;
    client.send('a');
    client.send('b'.repeat(900));
    FakeSocket.last.flush(); // the page does not know yet
    client.send('c'.repeat(90));
    client.send('d'.repeat(90));
    expect((FakeSocket.last.sent as string[]).map((text) => text[0])).toEqual(['a', 'b', 'c', 'd']);
    client.send('e'.repeat(2000));
    expect(FakeSocket.last.sent).toHaveLength(5);
  });

  test('barrier: confirmed only by the reply that came behind', async () => {
    const client = connected({ heartbeat: 'ping', confirm: 'barrier' });
    const seen = fates(client);
    client.send('a');
    expect(FakeSocket.last.sent).toEqual(['a', '{"type":"ping"}']);
    expect(seen).toEqual(['1 written none']);
    FakeSocket.last.receiveJson({ type: 'pong' });
    expect(seen).toEqual(['1 written none', '1 confirmed none']);
  });

  test('the ready gate: only "now" messages pass until ready()', () => {
    const client = connected({ holdUntilReady: true });
    client.send('later');
    expect(client.send('login', { now: true })).toBe(2);
    expect(FakeSocket.last.sent).toEqual(['login']);
    client.ready();
    expect(FakeSocket.last.sent).toEqual(['login', 'later']);
  });

  test('not ready in time is a loss', async () => {
    const client = connected({ holdUntilReady: true });
    await pass(10000);
    expect(client.lastError).toMatchObject({ kind: 'connection_lost', detail: 'not ready in time' });
  });

  test('"now" is refused while not connected; clear empties; a wrong type throws', () => {
    const client = make();
    const seen = fates(client);
    expect(client.send('a', { now: true })).toBe(0);
    client.send('b');
    client.clear();
    expect(seen).toEqual(['1 dropped cleared']);
    expect(() => client.send({} as never)).toThrow(TypeError);
  });

  test.each([['memory', (memory: SharedArrayBuffer) => memory], ['view', (memory: SharedArrayBuffer) => new Uint8Array(memory)]])(
    'a shared %s throws, as with a WebSocket', (_, of) => {
      const client = connected();
      const seen = fates(client);
      expect(() => client.send(of(new SharedArrayBuffer(4)))).toThrow(TypeError);
      expect(seen).toEqual([]);
    },
  );
});

describe('disconnect', () => {
  test('open: close 1000, then CLOSED is the last report', async () => {
    const client = connected();
    const seen = record(client);
    client.disconnect();
    await pass(0);
    expect(FakeSocket.last.closedWith).toBe(1000);
    expect(seen).toEqual(['close', 'CLOSED disconnect']);
  });

  test('a peer that does not answer the close is left after closeTimeoutMs', async () => {
    const client = connected();
    FakeSocket.last.answersClose = false;
    client.disconnect();
    await pass(2999);
    expect(client.state).toBe('CONNECTED');
    await pass(1);
    expect(client.state).toBe('CLOSED');
  });

  test.each([
    ['CONNECTING', () => {}],
    ['RECONNECTING', () => FakeSocket.last.end()],
    ['ERROR', () => FakeSocket.last.end(4000)],
  ])('from %s nothing is dialed any more', async (_state, before) => {
    const client = make();
    client.connect();
    if (_state === 'ERROR') FakeSocket.last.open();
    before();
    expect(client.state).toBe(_state);
    client.disconnect();
    await pass(100000);
    expect(client.state).toBe('CLOSED');
    expect(FakeSocket.all).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('a close while connecting does not hold up the next dial', () => {
    const client = make();
    client.connect();
    FakeSocket.last.answersClose = false;
    client.disconnect();
    client.connect();
    expect(FakeSocket.all).toHaveLength(2);
    FakeSocket.last.open();
    expect(client.state).toBe('CONNECTED');
  });
});

describe('callbacks', () => {
  test('may call anything: reports stay in order', async () => {
    const client = make();
    const seen: string[] = [];
    client.listen({
      open: () => client.send('hello'),
      state: (to) => {
        seen.push(to);
        if (to === 'CONNECTED') client.disconnect();
        if (to === 'CLOSED' && seen.length < 5) client.connect();
      },
    });
    client.connect();
    FakeSocket.last.open();
    await pass(0);
    expect(seen).toEqual(['CONNECTING', 'CONNECTED', 'CLOSED', 'CONNECTING']);
    expect(FakeSocket.all[0]!.sent).toEqual(['hello']);
  });

  test.each(['error', 'close', 'state', 'retry'] as const)('clear() in %s drops what waited, not what is sent behind it', async (name) => {
    const client = connected();
    const fates: string[] = [];
    let isFirst = true;
    client.listen({
      fate: (id, fate, drop) => fate === 'dropped' && fates.push(`${id} ${drop}`),
      [name]: () => {
        if (!isFirst) return;
        isFirst = false;
        client.clear();
        client.send('new');
      },
    });
    FakeSocket.last.flushes = false;
    client.send('old');
    FakeSocket.last.end();
    await pass(1000);
    FakeSocket.last.open();
    expect(FakeSocket.last.sent).toContain('new');
    expect(fates).not.toContain('2 cleared');
  });

  test.each(['open', 'state', 'error'] as const)('disconnect() in %s: what is sent behind it is refused', async (name) => {
    const client = make();
    const sent: number[] = [];
    client.connect();
    client.listen({ [name]: () => (client.disconnect(), sent.push(client.send('late'))) });
    FakeSocket.last.open();
    FakeSocket.last.end();
    await pass(0);
    expect([sent[0], FakeSocket.last.sent, client.state]).toEqual([0, [], 'CLOSED']);
  });

  test('removed by one before it: not called any more', () => {
    const client = make();
    const seen: string[] = [];
    client.listen({ state: () => end() });
    const end = client.listen({ state: (to) => seen.push(to) });
    client.connect();
    expect(seen).toEqual([]);
  });

  test('one that waits for the newest client and throws keeps no client from being made, nor from the next that waits', () => {
    vi.stubGlobal('queueMicrotask', () => {});
    const seen: unknown[] = [];
    const ends = [() => { throw new Error('mine'); }, (client: unknown) => seen.push(client)].map((wait) => {
      let isFirst = true;
      return watchNewest((client) => (isFirst ? (isFirst = false) : wait(client)));
    });
    try {
      expect(seen).toEqual([make()]);
    } finally {
      ends.forEach((end) => end());
    }
  });

  test('the console lines, in order', async () => {
    const lines: string[] = [];
    connected({ logger: (line) => lines.push(line), initialDelayMs: 750 });
    FakeSocket.last.end();
    expect(lines).toEqual([
      '[WebSocket] State: CLOSED → CONNECTING', '[WebSocket] Connected', '[WebSocket] State: CONNECTING → CONNECTED',
      '[WebSocket] Connection error: connection lost', '[WebSocket] State: CONNECTED → DISCONNECTED',
      '[WebSocket] Reconnect attempt 1/10 in 750ms', '[WebSocket] State: DISCONNECTED → RECONNECTING',
    ]);
  });

  test.each([
    [{ heartbeat: 'websocket' }, /heartbeat 'websocket'/], [{ maxRetries: -1 }, /maxRetries -1 .*0-Infinity/],
    [{ multiplier: 0.5 }, /multiplier 0.5 .*1-10/], [{ confirm: 'barrier' }, /confirm barrier needs/],
    [{ initialDelayMs: 10, maxDelayMs: 5 }, /maxDelayMs/], [{ queueLimit: 1.5 }, /queueLimit/],
  ])('%o is refused by name', (options, message) => {
    expect(() => make(options as never)).toThrow(message);
    expect(() => make(options as never)).toThrow(RangeError);
  });

  test('a thousand clients', async () => {
    FakeSocket.auto = 'open';
    const clients = Array.from({ length: 1000 }, () => make());
    for (const client of clients) client.connect();
    await pass(10);
    expect(clients.every(({ state }) => state === 'CONNECTED')).toBe(true);
    for (const socket of FakeSocket.all.slice(0, 1000)) socket.end();
    await pass(2000);
    expect(clients.every((client) => client.metrics().reconnects === 1)).toBe(true);
  }, 60_000);
});
