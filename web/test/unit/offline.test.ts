/** The outbox in one tab: what is kept, in which order it goes, what each answer does, what goes wrong. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { OfflineQueue, OfflineQueueError } from '../../src/offline';
import { FakeBrowser, accepted, message, offline, quiet, refused, until, watch } from './offline-support';

let browser: FakeBrowser;
beforeEach(() => void (browser = new FakeBrowser()));
afterEach(() => browser.end());

const kindOf = (promise: Promise<unknown>) => promise.then(() => 'kept', (error: OfflineQueueError) => error.kind);
const isEmpty = (queue: OfflineQueue) => async () => (await queue.count()) === 0;

describe('keeping', () => {
  test('the seed: constructed without options, enqueued, delivered by the contract POST', async () => {
    const queue = new OfflineQueue();
    browser.queues.push(queue);
    const id = await queue.enqueue({ conversationId: 'tea & cake', userId: 'ann', plaintext: 'héllo' });
    await until(isEmpty(queue));
    const [post] = browser.server.posts;
    expect(post!.url).toBe('/conversations/tea%20%26%20cake/messages');
    expect(JSON.parse(post!.init.body as string)).toEqual({ sender_id: 'ann', plaintext: 'héllo', id });
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test('without randomUUID, as on a page without https, the id is a UUID all the same', async () => {
    vi.stubGlobal('crypto', { getRandomValues: (bytes: Uint8Array) => bytes.fill(0xff) });
    expect(await browser.tab().enqueue(message('x'))).toBe('ffffffff-ffff-4fff-bfff-ffffffffffff');
  });

  test('what an earlier page left is delivered once the next one starts, in order, once', async () => {
    browser.server.answer = offline;
    const before = browser.tab();
    for (const text of ['1', '2', '3']) await before.enqueue(message(text));
    before.close();
    browser.server.answer = accepted;
    const after = browser.tab();
    after.start();
    await until(isEmpty(after));
    expect(browser.server.stored).toEqual(['1', '2', '3']);
  });

  test('calls that do not wait for each other keep their order', async () => {
    const queue = browser.tab();
    const texts = Array.from({ length: 100 }, (_, i) => String(i));
    await Promise.all(texts.map((text) => queue.enqueue(message(text))));
    await until(isEmpty(queue));
    expect(browser.server.stored).toEqual(texts);
    expect(browser.server.mostAtOnce).toBe(1);
  });

  test('the same message twice under one id is kept once; another message under it is refused', async () => {
    browser.server.answer = offline;
    const queue = browser.tab();
    await queue.enqueue({ ...message('a'), id: 'x' });
    await queue.enqueue({ ...message('a'), id: 'x' });
    expect(await queue.count()).toBe(1);
    expect(await kindOf(queue.enqueue({ ...message('b'), id: 'x' }))).toBe('invalid');
  });

  test.each([
    ['no message', undefined],
    ['an empty id', { ...message('a'), id: '' }],
    ['an id of 129 bytes', { ...message('a'), id: 'é'.repeat(64) + 'x' }],
    ['half a character as conversation', { ...message('a'), conversationId: '\ud83c' }],
    ['a conversation that no path can name', { ...message('a'), conversationId: '..' }],
    ['no conversation', { userId: 'ann', plaintext: 'a' }],
    ['a number as user', { ...message('a'), userId: 7 }],
    ['no text', { conversationId: 'tea', userId: 'ann' }],
  ])('%s is invalid, and nothing is kept', async (_, bad) => {
    const queue = browser.tab();
    expect(await kindOf(queue.enqueue(bad as never))).toBe('invalid');
    expect(await queue.count()).toBe(0);
  });

  test('an id of exactly 128 bytes is fine', async () => {
    expect(await kindOf(browser.tab().enqueue({ ...message('a'), id: 'é'.repeat(64) }))).toBe('kept');
  });

  test('a full outbox refuses by count and by bytes, keeps what it has, and takes again when there is room', async () => {
    browser.server.answer = offline;
    const queue = browser.tab({ limit: 2, limitBytes: 60 });
    expect(await kindOf(queue.enqueue({ ...message('a'.repeat(60)), id: 'big' }))).toBe('full');
    await queue.enqueue({ ...message('a'), id: '1' });
    await queue.enqueue({ ...message('b'), id: '2' });
    expect(await kindOf(queue.enqueue({ ...message('c'), id: '3' }))).toBe('full');
    expect((await queue.pending()).map((m) => m.plaintext)).toEqual(['a', 'b']);
    await queue.discard('1');
    expect(await kindOf(queue.enqueue({ ...message('c'), id: '3' }))).toBe('kept');
  });

  test.each([
    ['limit', 0], ['limit', 1.5], ['limitBytes', 2 ** 31], ['initialDelayMs', -1], ['maxDelayMs', NaN],
    ['multiplier', 0.5], ['timeoutMs', Infinity], ['jitter', 'some'], ['name', ''], ['name', '-x'],
  ])('option %s: %s is refused by its name', (key, value) => {
    expect(() => new OfflineQueue({ [key]: value })).toThrow(`'${key}'`);
  });
});

describe('answers', () => {
  test.each([400, 403, 404, 405, 409, 413, 422])('%i fails the message for good with the server\'s sentence, and the next one goes', async (status) => {
    browser.server.answer = ({ plaintext }) => (plaintext === 'bad' ? refused(status, 'because') : accepted());
    const queue = browser.tab();
    await queue.enqueue({ ...message('bad'), id: 'b' });
    await queue.enqueue(message('good'));
    await until(isEmpty(queue));
    expect(browser.server.stored).toEqual(['good']);
    expect(await queue.failed()).toMatchObject([{ id: 'b', reason: 'because', status }]);
  });

  test.each([401, 408, 425, 429, 500, 502, 503, 504])('%i is tried again with backoff, in order', async (status) => {
    let refusals = 3;
    browser.server.answer = () => (refusals-- > 0 ? refused(status) : accepted());
    const queue = browser.tab();
    await queue.enqueue(message('1'));
    await queue.enqueue(message('2'));
    for (const [posts, delay] of [[1, 1000], [2, 1500], [3, 2250]] as const) {
      await until(() => browser.server.posts.length === posts);
      await quiet();
      await vi.advanceTimersByTimeAsync(delay - 1);
      await quiet();
      expect(browser.server.posts.length).toBe(posts);
      await vi.advanceTimersByTimeAsync(2);
    }
    await until(isEmpty(queue));
    expect(browser.server.stored).toEqual(['1', '2']);
  });

  test('a 500 holds its conversation only; a network error holds all', async () => {
    browser.server.answer = ({ url }) => (url.includes('tea') ? refused(500) : accepted());
    const queue = browser.tab();
    for (const [text, where] of [['1', 'tea'], ['2', 'tea'], ['3', 'milk'], ['4', 'tea'], ['5', 'ale']] as const)
      await queue.enqueue(message(text, where));
    await until(async () => (await queue.count()) === 3);
    expect(browser.server.stored).toEqual(['3', '5']);
    browser.server.answer = offline;
    const before = browser.server.posts.length;
    await vi.advanceTimersByTimeAsync(1100);
    await until(() => browser.server.posts.length === before + 1);
    await queue.enqueue(message('6', 'milk'));
    await quiet();
    expect(browser.server.posts.length).toBe(before + 1);
    browser.server.answer = accepted;
    await vi.advanceTimersByTimeAsync(60_000);
    await until(isEmpty(queue));
    expect(browser.server.stored).toEqual(['3', '5', '6', '1', '2', '4']);
  });

  test('a conversation that never succeeds cannot hold the others for ever', async () => {
    browser.server.answer = ({ url }) => (url.includes('tea') ? refused(502) : accepted());
    const queue = browser.tab();
    for (const [text, where] of [['1', 'tea'], ['2', 'milk'], ['3', 'ale']] as const) await queue.enqueue(message(text, where));
    await until(() => queue.getSnapshot().lastError !== null);
    await quiet();
    expect(browser.server.posts.length).toBe(1);
    for (const left of [2, 1]) {
      await vi.advanceTimersByTimeAsync(1100);
      await until(async () => (await queue.count()) === left);
      await quiet();
    }
    expect(browser.server.stored).toEqual(['2', '3']);
    browser.server.answer = accepted;
    await vi.advanceTimersByTimeAsync(2000);
    await until(isEmpty(queue));
  });

  test('Retry-After is waited out, also by wake; a network error is not', async () => {
    browser.server.answer = () => refused(429, 'slowly', { 'Retry-After': '20' });
    const queue = browser.tab();
    await queue.enqueue(message('1'));
    await until(() => queue.getSnapshot().lastError !== null);
    browser.server.answer = offline;
    await vi.advanceTimersByTimeAsync(19_000);
    queue.wake();
    await quiet();
    expect(browser.server.posts.length).toBe(1);
    await vi.advanceTimersByTimeAsync(1100);
    await until(() => browser.server.posts.length === 2);
    await quiet();
    browser.server.answer = accepted;
    queue.wake();
    await until(isEmpty(queue));
  });

  test('the page\'s online event ends a wait', async () => {
    browser.server.answer = offline;
    const queue = browser.tab({ initialDelayMs: 60_000 });
    await queue.enqueue(message('1'));
    await until(() => queue.getSnapshot().lastError !== null);
    expect(queue.getSnapshot().lastError).toMatchObject({ kind: 'delivery', message: 'TypeError: Failed to fetch' });
    await quiet();
    browser.server.answer = accepted;
    browser.emit('online');
    await until(isEmpty(queue));
    expect(queue.getSnapshot().lastError).toBeNull();
  });

  test('an attempt without an answer is aborted after timeoutMs and repeated under the same id', async () => {
    browser.server.answer = () => 'hang';
    const queue = browser.tab({ timeoutMs: 5000 });
    await queue.enqueue(message('1'));
    await until(() => browser.server.posts.length === 1);
    browser.server.answer = accepted;
    await vi.advanceTimersByTimeAsync(4999);
    expect(browser.server.posts[0]!.init.signal!.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(browser.server.posts[0]!.init.signal!.aborted).toBe(true);
    await quiet();
    await vi.advanceTimersByTimeAsync(1100);
    await until(isEmpty(queue));
    expect(new Set(browser.server.posts.map((post) => post.id)).size).toBe(1);
  });

  test('a web page with status 200, as a hotel\'s login, confirms nothing', async () => {
    browser.server.answer = () => new Response('<html>', { status: 200, headers: { 'Content-Type': 'text/html' } });
    const queue = browser.tab();
    await queue.enqueue(message('1'));
    await until(() => queue.getSnapshot().lastError !== null);
    expect(await queue.count()).toBe(1);
    expect(browser.server.posts[0]!.init.redirect).toBe('error');
  });

  test('base and token functions are asked before every attempt', async () => {
    let asked = 0;
    browser.server.answer = ({ headers }) => (headers.Authorization === 'Bearer t2' ? accepted() : refused(401));
    const queue = browser.tab({ base: () => 'https://relay.test/', token: async () => `t${++asked}` });
    await queue.enqueue(message('1'));
    await until(() => queue.getSnapshot().lastError !== null);
    await quiet();
    queue.wake();
    await until(isEmpty(queue));
    expect(browser.server.posts.map((post) => post.url)).toEqual(Array(2).fill('https://relay.test/conversations/tea/messages'));
  });

  test('send replaces the POST: resolved is done, retryable false is final, a status is judged, anything else comes again', async () => {
    const ends: Record<string, unknown[]> = { a: [new Error('later')], b: [{ retryable: false, message: 'never' }], c: [{ status: 413 }], d: [{ status: 500 }] };
    const sent: string[] = [];
    const queue = browser.tab({
      send: async ({ plaintext, ...rest }) => {
        expect(rest).not.toHaveProperty('seq');
        const end = ends[plaintext]!.shift();
        if (end) throw end;
        sent.push(plaintext);
      },
    });
    for (const text of ['a', 'b', 'c', 'd']) await queue.enqueue(message(text));
    await until(async () => {
      await vi.advanceTimersByTimeAsync(100);
      return isEmpty(queue)();
    });
    expect(sent).toEqual(['a', 'd']);
    expect((await queue.failed()).map(({ plaintext, status }) => [plaintext, status])).toEqual([['b', 0], ['c', 413]]);
    expect(browser.server.posts).toEqual([]);
  });

  test('send rejected with a Response: its status is the reason; a status that is no number decides nothing', async () => {
    const ends: unknown[] = [new Response('', { status: 422 }), { status: NaN, message: 'no status' }];
    const queue = browser.tab({ send: () => Promise.reject(ends.shift()) });
    await queue.enqueue(message('a'));
    await queue.enqueue(message('b'));
    await until(() => queue.getSnapshot().lastError?.message === 'Error: no status');
    await quiet();
    expect(await queue.failed()).toMatchObject([{ plaintext: 'a', status: 422, reason: 'The server answered 422' }]);
    expect(await queue.count()).toBe(1);
  });
});

describe('seeing and steering', () => {
  test('retry puts a failed message back at its place; discard deletes; both tell whether there was one', async () => {
    browser.server.answer = () => refused(403);
    const queue = browser.tab();
    for (const id of ['1', '2', '3']) await queue.enqueue({ ...message(id), id });
    await until(async () => (await queue.failed()).length === 3);
    browser.server.answer = offline;
    expect(await queue.retry('2')).toBe(true);
    expect(await queue.retry('2')).toBe(false);
    expect(await queue.discard('3')).toBe(true);
    expect(await queue.discard('3')).toBe(false);
    expect(await queue.retryAll()).toBe(1);
    expect((await queue.pending()).map((m) => m.id)).toEqual(['1', '2']);
    expect((await queue.pending())[0]).not.toHaveProperty('reason');
    browser.server.answer = accepted;
    queue.wake();
    await until(isEmpty(queue));
    expect(browser.server.stored).toEqual(['1', '2']);
  });

  test('a message discarded while it fails does not come back as a failed one', async () => {
    let fail = () => {};
    const queue = browser.tab({ send: () => new Promise((_, reject) => (fail = () => reject({ retryable: false }))) });
    await queue.enqueue({ ...message('1'), id: 'x' });
    await until(() => queue.getSnapshot().sending === 'x');
    await queue.discard('x');
    fail();
    await until(() => queue.getSnapshot().sending === null);
    expect(await queue.failed()).toEqual([]);
    expect(queue.getSnapshot()).toMatchObject({ pending: 0, failed: 0 });
  });

  test('snapshots tell each step, are stable between them, and a listener that throws stops nothing', async () => {
    const queue = browser.tab();
    const thrown: unknown[] = [];
    vi.stubGlobal('queueMicrotask', (task: () => void) => void Promise.resolve().then(task).catch((error) => thrown.push(error)));
    queue.subscribe(() => {
      throw new Error('listener');
    });
    const seen = watch(queue);
    await until(() => seen.some((s) => s.isOwner));
    await queue.enqueue({ ...message('1'), id: 'x' });
    await until(() => seen.at(-1)!.pending === 0 && seen.some((s) => s.sending === 'x'));
    await until(() => queue.getSnapshot().sending === null);
    expect(seen.some((s) => s.pending === 1)).toBe(true);
    expect(queue.getSnapshot()).toBe(queue.getSnapshot());
    expect(thrown.length).toBeGreaterThan(0);
  });

  test('events: stored, delivered, failed', async () => {
    browser.server.answer = ({ plaintext }) => (plaintext === 'bad' ? refused(400, 'why') : accepted());
    const told: string[] = [];
    const queue = browser.tab({ events: {
      stored: (m) => told.push(`stored ${m.plaintext}`),
      delivered: (m) => told.push(`delivered ${m.plaintext}`),
      failed: (m) => told.push(`failed ${m.plaintext}: ${m.reason}`),
    } });
    await queue.enqueue(message('bad'));
    await queue.enqueue(message('good'));
    await until(() => told.includes('delivered good'));
    expect([...told].sort()).toEqual(['delivered good', 'failed bad: why', 'stored bad', 'stored good']);
  });

  test('lists are bounded, and bad bounds refused', async () => {
    browser.server.answer = offline;
    const queue = browser.tab();
    for (const text of ['1', '2', '3']) await queue.enqueue(message(text));
    expect((await queue.pending(2)).map((m) => m.plaintext)).toEqual(['1', '2']);
    await expect(queue.failed(0)).rejects.toThrow("'max'");
  });

  test('close is for good: nothing goes out any more, calls are refused, and what waits stays', async () => {
    browser.server.answer = () => 'hang';
    const queue = browser.tab();
    await queue.enqueue(message('1'));
    await until(() => browser.server.posts.length === 1);
    queue.close();
    expect(browser.server.posts[0]!.init.signal!.aborted).toBe(true);
    queue.close();
    expect(await kindOf(queue.enqueue(message('2')))).toBe('closed');
    expect(await kindOf(queue.count())).toBe('closed');
    expect(() => queue.wake()).not.toThrow(); // a client's listener may outlive the queue
    expect(() => queue.start()).toThrow(OfflineQueueError);
    expect(await browser.tab().count()).toBe(1);
  });

  test('a page that is left lets go and goes on when it comes back', async () => {
    browser.server.answer = () => 'hang';
    const queue = browser.tab();
    await queue.enqueue(message('1'));
    await until(() => browser.server.posts.length === 1);
    browser.emit('pagehide');
    expect(queue.getSnapshot()).toMatchObject({ isOwner: false, sending: null });
    browser.server.answer = accepted;
    await vi.advanceTimersByTimeAsync(100_000);
    await quiet();
    expect(browser.server.stored).toEqual([]);
    browser.emit('pageshow');
    await until(isEmpty(queue));
    expect(browser.server.stored).toEqual(['1']);
  });
});
