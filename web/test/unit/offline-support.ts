/** A browser's parts for the outbox, without real time: database, locks, channel and network of several tabs in one process. */
import { IDBFactory } from 'fake-indexeddb';
import { vi } from 'vitest';
import { OfflineQueue, type OfflineQueueOptions, type OfflineSnapshot } from '../../src/offline';

const TURNS_MAX = 20_000;

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Lets the database work (by setImmediate, which is not faked) until `isTrue`. */
export async function until(isTrue: () => boolean | Promise<boolean>, what = String(isTrue)): Promise<void> {
  for (let turns = 0; turns < TURNS_MAX; turns++) {
    if (await isTrue()) return;
    await turn();
  }
  throw new Error(`never: ${what}`);
}

/** All that can happen without time going by has happened. */
export async function quiet(): Promise<void> {
  for (let turns = 0; turns < 300; turns++) await turn();
}

export interface Posted {
  url: string;
  id: string;
  plaintext: string;
  headers: Record<string, string>;
  init: RequestInit;
}

type Answer = Response | Error | 'hang';

/** The server: answers by `answer`, keeps what it was asked, and sees how many asked at once. */
export class FakeServer {
  readonly posts: Posted[] = [];
  readonly stored: string[] = [];
  atOnce = 0;
  mostAtOnce = 0;
  answer: (post: Posted) => Answer = () => accepted();

  readonly fetch = async (url: string, init: RequestInit): Promise<Response> => {
    const body = JSON.parse(init.body as string) as { id: string; plaintext: string };
    const post = { url, ...body, headers: init.headers as Record<string, string>, init };
    this.posts.push(post);
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.atOnce);
    const answer = this.answer(post);
    try {
      await turn();
      return await this.end(post, answer);
    } finally {
      this.atOnce--;
    }
  };

  private async end(post: Posted, answer: Answer): Promise<Response> {
    if (answer === 'hang') await aborted(post.init.signal!);
    if (answer instanceof Error) throw answer;
    if ((answer as Response).ok) this.stored.push(post.plaintext);
    return answer as Response;
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
}

export const accepted = () => json(201, { type: 'message' });
export const refused = (status: number, message = `no ${status}`, headers = {}) =>
  json(status, { type: 'error', code: 'x', message }, headers);
export const offline = () => new TypeError('Failed to fetch');

function json(status: number, body: object, headers = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json', ...headers } });
}

/** Web Locks: one holder of a name, the others in line. */
export class FakeLocks {
  private readonly lines = new Map<string, Promise<unknown>>();

  request(name: string, { signal }: { signal: AbortSignal }, hold: () => unknown): Promise<unknown> {
    const before = this.lines.get(name) ?? Promise.resolve();
    const mine = before.then(() => (signal.aborted ? undefined : hold()));
    this.lines.set(name, mine.catch(() => {}));
    return mine;
  }
}

export class FakeChannel {
  static open = new Set<FakeChannel>();
  onmessage: ((event: { data: unknown }) => void) | null = null;

  constructor(readonly name: string) {
    FakeChannel.open.add(this);
  }

  postMessage(data: unknown): void {
    const others = [...FakeChannel.open].filter((other) => other !== this && other.name === this.name);
    for (const other of others) setImmediate(() => FakeChannel.open.has(other) && other.onmessage?.({ data: structuredClone(data) }));
  }

  close(): void {
    FakeChannel.open.delete(this);
  }
}

export class FakeBrowser {
  readonly server = new FakeServer();
  readonly queues: OfflineQueue[] = [];
  readonly page = new EventTarget();
  indexedDB = new IDBFactory();

  constructor({ hasLocks = true, hasChannel = true } = {}) {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'] });
    vi.stubGlobal('indexedDB', this.indexedDB);
    vi.stubGlobal('navigator', hasLocks ? { locks: new FakeLocks() } : {});
    vi.stubGlobal('BroadcastChannel', hasChannel ? FakeChannel : undefined);
    vi.stubGlobal('fetch', this.server.fetch);
    for (const key of ['addEventListener', 'removeEventListener'] as const) vi.stubGlobal(key, this.page[key].bind(this.page));
  }

  tab(options: OfflineQueueOptions = {}): OfflineQueue {
    const queue = new OfflineQueue({ jitter: 'none', ...options });
    this.queues.push(queue);
    return queue;
  }

  emit(type: string): void {
    this.page.dispatchEvent(new Event(type));
  }

  end(): void {
    for (const queue of this.queues) queue.close();
    FakeChannel.open.clear();
    vi.useRealTimers();
    vi.unstubAllGlobals();
  }
}

export const message = (plaintext: string, conversationId = 'tea') => ({ conversationId, userId: 'ann', plaintext });

/** Snapshots as they come. */
export function watch(queue: OfflineQueue): OfflineSnapshot[] {
  const seen: OfflineSnapshot[] = [];
  queue.subscribe((snapshot) => seen.push(snapshot));
  return seen;
}
