import { beforeEach, describe, expect, test, vi } from 'vitest';
import { createMessagingStore, type Message, type MessagingOptions } from '../../src/store';
import { eachAnew, FakeSocket, FakeWebSocket, pass } from './fake-socket';

const made = eachAnew<ReturnType<typeof createMessagingStore>>((store) => store.getState().disconnectWs());
const errors: unknown[] = [];

function make(options: MessagingOptions = {}) {
  const store = createMessagingStore({
    wsBase: 'ws://far.test', WebSocket: FakeWebSocket, jitter: 'none', onError: (error) => errors.push(error), ...options,
  });
  made.push(store);
  return store;
}

function opened(options: MessagingOptions = {}) {
  const store = make(options);
  store.getState().connectWs('c', 'me');
  FakeSocket.last.open();
  return store;
}

function message(n: number, more: Partial<Message> = {}): Message & { type: string } {
  return {
    type: 'message', id: `m${n}`, conversation_id: 'c', sender_id: 'you', plaintext: `text ${n}`, sequence_number: n,
    created_at: '2026-01-01T00:00:00Z', ...more,
  };
}

const ids = (store: ReturnType<typeof make>) => (store.getState().messages.c ?? []).map(({ id }) => id);

function answers(...responses: (Response | Error)[]) {
  const fetch = vi.fn(async (_url: string, _init?: RequestInit) => {
    const next = responses.shift()!;
    if (next instanceof Error) throw next;
    return next;
  });
  vi.stubGlobal('fetch', fetch);
  return fetch;
}

beforeEach(() => void errors.splice(0));

describe('receiving', () => {
  test('in the order of the numbers, none twice, by id or number', () => {
    const store = opened();
    for (const n of [3, 1, 2, 3]) FakeSocket.last.receiveJson(message(n));
    FakeSocket.last.receiveJson(message(9, { id: 'm1' }));
    FakeSocket.last.receiveJson(message(2, { id: 'other' }));
    expect(ids(store)).toEqual(['m1', 'm2', 'm3']);
  });

  test.each(['constructor', '__proto__'])('in a conversation called %s', (name) => {
    const store = make();
    store.getState().connectWs(name, 'me');
    FakeSocket.last.open();
    FakeSocket.last.receiveJson(message(1, { conversation_id: name }));
    FakeSocket.last.receiveJson({ type: 'typing', conversation_id: name, user_id: 'you' });
    const { messages, typing } = store.getState();
    expect([Object.entries(messages), Object.entries(typing)]).toMatchObject([[[name, [{ id: 'm1' }]]], [[name, ['you']]]]);
  });

  test('what is no message changes nothing', () => {
    const store = opened();
    const before = store.getState().messages;
    for (const text of ['no json', 'null', '{"type":"message"}', '{"type":"ack","id":"m1","sequence_number":1}']) FakeSocket.last.receive(text);
    expect(store.getState().messages).toBe(before);
  });

  test('keeps the newest, as many as the limit says', () => {
    const store = opened({ limit: 2 });
    for (const n of [1, 2, 3]) FakeSocket.last.receiveJson(message(n));
    expect(ids(store)).toEqual(['m2', 'm3']);
    expect(() => make({ limit: 0 })).toThrow(RangeError);
  });

  test('each dial asks for what comes after the newest known', async () => {
    opened();
    FakeSocket.last.receiveJson(message(7));
    FakeSocket.last.end();
    await pass(1000);
    expect(FakeSocket.all.map(({ url }) => new URL(url).searchParams.get('after'))).toEqual(['0', '7']);
    expect(errors).toHaveLength(1);
  });
});

describe('typing', () => {
  const type = (user_id: string) => FakeSocket.last.receiveJson({ type: 'typing', conversation_id: 'c', user_id });

  test('is forgotten 5 s after the last word of it', async () => {
    const store = opened();
    type('a');
    await pass(3000);
    type('b');
    type('a');
    expect(store.getState().typing.c).toEqual(['b', 'a']);
    await pass(4999);
    expect(store.getState().typing.c).toEqual(['b', 'a']);
    await pass(1);
    expect(store.getState().typing.c).toEqual([]);
  });

  test('disconnectWs() forgets it, and no timer is left', async () => {
    const store = opened();
    type('a');
    store.getState().disconnectWs();
    await pass(4000);
    expect(store.getState().typing).toEqual({});
    expect(vi.getTimerCount()).toBe(0);
  });

  test.each([
    ['disconnectWs', (store: ReturnType<typeof make>) => store.getState().disconnectWs()],
    ['another connectWs', (store: ReturnType<typeof make>) => store.getState().connectWs('d', 'me')],
  ])('what still comes of a conversation behind %s is not told', (_, leave) => {
    const store = opened();
    const old = FakeSocket.last;
    old.answersClose = false;
    leave(store);
    old.receiveJson({ type: 'typing', conversation_id: 'c', user_id: 'a' });
    expect(store.getState().typing).toEqual({});
  });

  test('one\'s own goes out', () => {
    opened().getState().sendTyping('c', 'me');
    expect(FakeSocket.last.messages).toEqual([{ type: 'typing', conversation_id: 'c', user_id: 'me' }]);
  });
});

describe('sendMessage', () => {
  const stored = (n: number) => new Response(JSON.stringify(message(n)), { status: 201 });

  test('by REST; what then comes by WebSocket is not there twice', async () => {
    const fetch = answers(stored(1));
    const store = opened();
    await expect(store.getState().sendMessage('c', 'me', 'hello', 'm1')).resolves.toMatchObject({ id: 'm1' });
    FakeSocket.last.receiveJson(message(1));
    expect(ids(store)).toEqual(['m1']);
    const [url, init] = fetch.mock.calls[0]!;
    expect(url).toBe('http://far.test/conversations/c/messages');
    expect(init).toMatchObject({ method: 'POST', headers: { 'Content-Type': 'application/json' } });
    expect(JSON.parse(init!.body as string)).toEqual({ sender_id: 'me', plaintext: 'hello', id: 'm1' });
  });

  test('an id of its own if none is given; names are escaped', async () => {
    const fetch = answers(stored(1), stored(2));
    const { sendMessage } = make({ apiBase: 'https://api.test/v1' }).getState();
    await sendMessage('a/b', 'me', 'x');
    await sendMessage('a/b', 'me', 'y');
    expect(fetch.mock.calls[0]![0]).toBe('https://api.test/v1/conversations/a%2Fb/messages');
    const [one, two] = fetch.mock.calls.map(([, init]) => JSON.parse(init!.body as string).id);
    expect(one).toMatch(/^[0-9a-f-]{32,36}$/);
    expect(one).not.toBe(two);
  });

  test.each([
    ['the network', new TypeError('Failed to fetch'), 'Failed to fetch'],
    ['the server, in its words', new Response('{"message":"too long"}', { status: 400 }), 'too long'],
    ['the server, without words', new Response('oops', { status: 502 }), 'HTTP 502'],
  ])('refused by %s: rejects, and the error is told', async (_who, answer, text) => {
    answers(answer);
    const store = make();
    await expect(store.getState().sendMessage('c', 'me', 'x')).rejects.toThrow(text);
    expect(errors).toHaveLength(1);
    expect(ids(store)).toEqual([]);
  });
});

describe('loadHistory', () => {
  const page = (from: number, count: number) =>
    new Response(JSON.stringify({ messages: Array.from({ length: count }, (_, i) => message(from + i)) }));

  test('page by page, until one is not full', async () => {
    const fetch = answers(page(1, 1000), page(1001, 2));
    const store = make();
    await store.getState().loadHistory('c');
    expect(ids(store)).toHaveLength(1002);
    expect(fetch.mock.calls.map(([url]) => new URL(url).searchParams.get('after'))).toEqual(['0', '1000']);
  });

  test('page by page, until the relay says that there is no more: long messages end a page early', async () => {
    const part = (from: number, count: number, hasMore: boolean) =>
      new Response(JSON.stringify({ messages: Array.from({ length: count }, (_, i) => message(from + i)), has_more: hasMore }));
    const fetch = answers(part(1, 3, true), part(4, 1000, false));
    const store = make();
    await store.getState().loadHistory('c');
    expect(ids(store)).toHaveLength(1003);
    expect(fetch).toHaveBeenCalledTimes(2);
  });

  test('a failure rejects', async () => {
    answers(new Response('', { status: 500 }));
    await expect(make().getState().loadHistory('c')).rejects.toThrow('HTTP 500');
  });
});

describe('after=', () => {
  const stored = (n: number) => new Response(JSON.stringify(message(n)), { status: 201 });
  const asked = () => FakeSocket.all.map(({ url }) => new URL(url).searchParams.get('after'));

  test('a POST while the link is down does not skip what others said meanwhile', async () => {
    const store = make();
    store.getState().connectWs('c', 'me');
    FakeSocket.last.open();
    FakeSocket.last.receiveJson(message(7));
    FakeSocket.last.end();
    answers(stored(10));
    await store.getState().sendMessage('c', 'me', 'x', 'm10');
    await vi.advanceTimersByTimeAsync(1000);
    store.getState().disconnectWs();
    expect(asked()).toEqual(['0', '7']);
  });

  test('of a conversation that began anew: all of it, as it is now', async () => {
    const store = opened();
    for (const n of [1, 2, 3, 7]) FakeSocket.last.receiveJson(message(n));
    FakeSocket.last.end();
    await pass(1000);
    FakeSocket.last.open();
    FakeSocket.last.receiveJson({ type: 'error', code: 'unknown_sequence_number', message: 'it goes on from here', sequence_number: 2 });
    FakeSocket.last.receiveJson(message(3, { id: 'of the link before' }));
    await pass(100);
    FakeSocket.last.open();
    for (const n of [1, 2, 3]) FakeSocket.last.receiveJson(message(n, { id: `new${n}` }));
    expect(ids(store)).toEqual(['new1', 'new2', 'new3']);
    FakeSocket.last.end();
    await pass(1500);
    store.getState().disconnectWs();
    expect(asked()).toEqual(['0', '7', '0', '3']);
    expect(errors.map((error) => (error as Error).message)).toContain('it goes on from here');
  });

  test('of a conversation that always began anew: once', async () => {
    const store = opened();
    for (let i = 0; i < 3; i++) FakeSocket.last.receiveJson({ type: 'error', code: 'unknown_sequence_number', message: 'no', sequence_number: 0 });
    await pass(100);
    store.getState().disconnectWs();
    expect(asked()).toEqual(['0']);
  });

  test('a POST before the first link does not skip what came before it', async () => {
    const store = make();
    answers(stored(10));
    await store.getState().sendMessage('c', 'me', 'x', 'm10');
    store.getState().connectWs('c', 'me');
    store.getState().disconnectWs();
    expect(asked()).toEqual(['0']);
  });

  test('nor does the history', async () => {
    const store = make();
    answers(stored(10));
    await store.getState().sendMessage('c', 'me', 'x', 'm10');
    const urls: string[] = [];
    vi.stubGlobal('fetch', async (url: string) => (urls.push(url), new Response('{"messages":[]}')));
    await store.getState().loadHistory('c');
    expect(urls).toEqual([expect.stringContaining('after=0')]);
  });

  test('a history that cannot be loaded is told', async () => {
    vi.stubGlobal('fetch', async () => new Response('', { status: 500 }));
    await expect(make().getState().loadHistory('c')).rejects.toThrow('500');
    expect(errors).toHaveLength(1);
  });
});
