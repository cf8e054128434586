/** OfflineQueue: the parts put together, and what people see of them. */
import { guarded } from '../guarded';
import { Channel, type Notice } from './channel';
import { Database, FAILED, PENDING } from './database';
import { OfflineQueueError, storageError } from './error';
import { type Options, checkMessage, checkNumber, checkOptions } from './options';
import { Outbox } from './outbox';
import { type Owner, makeOwner } from './owner';
import { watchPage } from './page';
import { Sender } from './sender';
import type { FailedMessage, OfflineEvents, OfflineMessage, OfflineQueueOptions, OfflineSnapshot, PendingMessage } from './types';

const LIST_MAX = 10_000;

/**
 * The durable outbox: messages that survive reload, crash and `kill -9`, delivered by REST in the order of each conversation, from one tab of the origin.
 *
 * At least once with any server; once in effect with one that drops repeated ids, as the relay does. A message leaves the database only after the server's answer.
 * 200 and 201 are the answer; 401, 408, 425, 429 (not before its `Retry-After`), 5xx and a failing network are tried again for ever, with backoff; 401 too, because a
 * login can be renewed and a message not; every other status moves the message to the failed ones, and those behind it go on. What the network, the login or the server
 * as a whole refuses holds all messages, and the next attempt is made with another conversation where there is one; a 500 holds its conversation only.
 *
 * Constructing has no effect: the first call of any method starts the delivery, also of what an earlier page left.
 *
 * @example
 * const queue = new OfflineQueue();
 * await queue.enqueue({ conversationId, userId, plaintext }); // it is on the disk
 * client.listen({ state: (to) => to === 'CONNECTED' && queue.wake() });
 */
export class OfflineQueue {
  readonly #options: Options;
  readonly #db: Database;
  readonly #outbox: Outbox;
  readonly #sender: Sender;
  readonly #channel: Channel;
  readonly #listeners = new Set<(snapshot: OfflineSnapshot) => void>();
  #owner: Owner | undefined;
  #unwatch: (() => void) | undefined;
  #isClosed = false;
  #isAway = false;
  #isRead = false;
  #isReading = false;
  #readsAgain = false;
  #snapshot: OfflineSnapshot = Object.freeze({ pending: 0, failed: 0, sending: null, isOwner: false, lastError: null });

  /** @throws OfflineQueueError `invalid`, naming the option that is out of its range. */
  constructor(options: OfflineQueueOptions = {}) {
    this.#options = checkOptions(options);
    const { name } = this.#options;
    this.#db = new Database(name);
    this.#outbox = new Outbox(this.#db);
    this.#channel = new Channel(name, (notice) => this.#heard(notice));
    this.#sender = new Sender(this.#outbox, this.#options, {
      isOwner: () => this.#owner?.isOwner() ?? false,
      sending: (id) => this.#tell({ sending: id }),
      delivered: (message) => this.#delivered(message),
      failed: (message) => this.#report('failed', message),
      trouble: (lastError) => this.#tell({ lastError }),
    });
  }

  /**
   * Starts delivering. Safe to repeat.
   * @throws OfflineQueueError `closed`.
   */
  start(): void {
    if (this.#isClosed) throw new OfflineQueueError('closed', 'The outbox is closed');
    if (this.#owner) return;
    if (!hasDatabase()) return void this.#read(); // on a server: the snapshot says why
    this.#owner = makeOwner(this.#options.name, this.#db, () => this.#ownerChanged());
    this.#unwatch = watchPage({ wake: () => this.wake(), leave: () => this.#leave(), comeBack: () => this.#comeBack() });
    this.#run();
  }

  /**
   * Keeps a message. Resolves with its id once the browser has it on the disk; rejected means not kept. A message that waits already, under the same id, is kept once.
   * @throws OfflineQueueError (as a rejection) `invalid`, `full`, `quota`, `unavailable`, `storage` or `closed`.
   */
  async enqueue(message: OfflineMessage): Promise<string> {
    const checked = checkMessage(message);
    this.start();
    if (await this.#outbox.add(checked, this.#options)) this.#report('stored', checked);
    this.#changed();
    return checked.id;
  }

  /** The first `max` (1-10,000) messages that wait, in their order. */
  async pending(max = 1000): Promise<PendingMessage[]> {
    checkNumber('max', max, LIST_MAX);
    this.start();
    return this.#outbox.list(PENDING, max);
  }

  /** The first `max` (1-10,000) messages that the server refused for good. */
  async failed(max = 1000): Promise<FailedMessage[]> {
    checkNumber('max', max, LIST_MAX);
    this.start();
    return this.#outbox.list(FAILED, max);
  }

  /** How many messages wait. */
  async count(): Promise<number> {
    this.start();
    return (await this.#outbox.totals()).pending;
  }

  /** Lets a failed message wait again, at its old place. False: there is none of that id. */
  retry(id: string): Promise<boolean> {
    return this.#change(() => this.#outbox.retry(id));
  }

  /** `retry` for all; resolves with how many. */
  retryAll(): Promise<number> {
    return this.#change(() => this.#outbox.retryAll());
  }

  /** Deletes a message, waiting or failed. One that is under way may arrive all the same. False: there is none of that id. */
  discard(id: string): Promise<boolean> {
    return this.#change(() => this.#outbox.discard(id));
  }

  /** "Try now", in whichever tab delivers: ends all waits but those that the server asked for. For a client's CONNECTED; nothing once the queue is closed. */
  wake(): void {
    if (this.#isClosed) return;
    this.start();
    this.#sender.wake();
    this.#channel.post({ kind: 'wake' });
  }

  /** The same object until something changes. */
  getSnapshot(): OfflineSnapshot {
    return this.#snapshot;
  }

  /** `listener` is called with each new snapshot, also of changes by other tabs, the first time when the database has been read. The result removes it. */
  subscribe(listener: (snapshot: OfflineSnapshot) => void): () => void {
    this.start();
    const call = (snapshot: OfflineSnapshot) => listener(snapshot);
    this.#listeners.add(call);
    if (this.#snapshot.lastError || this.#isRead) queueMicrotask(() => this.#listeners.has(call) && guarded(() => call(this.#snapshot)));
    return () => void this.#listeners.delete(call);
  }

  /** For good. What waits stays on the disk, for another tab or a later page. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#unwatch?.();
    this.#stop();
    this.#listeners.clear();
  }

  #run(): void {
    this.#isAway = false;
    this.#db.resume();
    this.#channel.start();
    this.#owner!.start();
    this.#read();
  }

  #stop(): void {
    this.#isAway = true;
    this.#sender.stop();
    this.#owner?.stop();
    this.#channel.stop();
    this.#db.rest();
    this.#update({ isOwner: false, sending: null });
  }

  #leave(): void {
    if (!this.#isAway) this.#stop();
  }

  #comeBack(): void {
    if (this.#isAway && !this.#isClosed) this.#run();
  }

  #ownerChanged(): void {
    const isOwner = this.#owner!.isOwner();
    if (isOwner && !this.#snapshot.isOwner) this.#tell({ isOwner, sending: null });
    if (!isOwner) this.#update({ isOwner, sending: null });
    if (isOwner) this.#sender.start();
    else this.#sender.stop();
  }

  #heard(notice: Notice): void {
    if (notice.kind === 'owner' && !this.#snapshot.isOwner) this.#update({ sending: notice.sending ?? null, lastError: revive(notice.error) });
    if (notice.kind === 'wake') this.#sender.wake();
    else this.#sender.look();
    this.#read();
  }

  async #change<T>(work: () => Promise<T>): Promise<T> {
    this.start();
    const value = await work();
    this.#changed();
    return value;
  }

  #changed(): void {
    this.#channel.post({ kind: 'changed' });
    this.#sender.look();
    this.#read();
  }

  #delivered(message: PendingMessage): void {
    this.#tell({ lastError: null });
    this.#report('delivered', message);
  }

  /** What the owner tab alone knows, to all. */
  #tell(change: Partial<OfflineSnapshot>): void {
    this.#update(change);
    const { sending, lastError } = this.#snapshot;
    const error = lastError && { kind: lastError.kind, message: lastError.message };
    this.#channel.post({ kind: 'owner', sending, error });
    this.#read();
  }

  /** Reads the totals; calls that come meanwhile share one more reading. */
  #read(): void {
    this.#readsAgain = true;
    if (!this.#isReading) void this.#readTotals();
  }

  async #readTotals(): Promise<void> {
    this.#isReading = true;
    while (this.#readsAgain) {
      this.#readsAgain = false;
      await this.#outbox.totals().then(({ pending, failed }) => this.#wasRead(pending, failed), (error) => this.#update({ lastError: storageError(error) }));
    }
    this.#isReading = false;
  }

  #wasRead(pending: number, failed: number): void {
    const { lastError } = this.#snapshot;
    const isFirst = !this.#isRead;
    this.#isRead = true;
    this.#update({ pending, failed, lastError: lastError?.kind === 'delivery' ? lastError : null }, isFirst);
  }

  #update(change: Partial<OfflineSnapshot>, isAnyway = false): void {
    const next = { ...this.#snapshot, ...change };
    const isSame = (Object.keys(next) as (keyof OfflineSnapshot)[]).every((key) => next[key] === this.#snapshot[key]);
    if (isSame && !isAnyway) return;
    this.#snapshot = Object.freeze(next);
    for (const listener of this.#listeners) guarded(() => listener(next));
    this.#report('change', next);
  }

  #report<K extends keyof OfflineEvents>(name: K, value: Parameters<NonNullable<OfflineEvents[K]>>[0]): void {
    const { events } = this.#options;
    guarded(() => (events?.[name] as ((value: unknown) => void) | undefined)?.call(events, value));
  }
}

function revive(error: Notice['error']): OfflineQueueError | null {
  return error ? new OfflineQueueError(error.kind, error.message) : null;
}

function hasDatabase(): boolean {
  try {
    return Boolean(globalThis.indexedDB);
  } catch {
    return false;
  }
}
