/**
 * What the database can do, each in one transaction. Invariants: an id is in `pending` or `failed`, once; `totals` counts both; a record leaves only by `remove`, `discard`
 * or, to the other store, `fail` and `retry`, which keep its place in the order.
 */
import { type Database, FAILED, META, PENDING, result } from './database';
import { OfflineQueueError } from './error';
import type { FailedMessage, PendingMessage } from './types';

export interface Totals {
  pending: number;
  failed: number;
  bytes: number;
}

/** A message with its place. */
type Stored = PendingMessage & { seq: number };
type StoredFailure = FailedMessage & { seq: number };

export interface Limits {
  limit: number;
  limitBytes: number;
}

const EMPTY: Totals = { pending: 0, failed: 0, bytes: 0 };
const encoder = () => new TextEncoder();
export const byteLength = (text: string) => encoder().encode(text).length;
const sizeOf = (m: PendingMessage) =>
  byteLength(m.id) + byteLength(m.conversationId) + byteLength(m.userId) + byteLength(m.plaintext);

export class Outbox {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  totals(): Promise<Totals> {
    return this.#db.run('readonly', readTotals);
  }

  list(store: typeof PENDING, max: number): Promise<PendingMessage[]>;
  list(store: typeof FAILED, max: number): Promise<FailedMessage[]>;
  async list(store: string, max: number): Promise<PendingMessage[]> {
    const found = await this.#db.run('readonly', (tx) => result<Stored[]>(tx.objectStore(store).getAll(null, max)));
    return found.map(withoutPlace);
  }

  /** False: the same message waits already. */
  add(message: PendingMessage, limits: Limits): Promise<boolean> {
    return this.#db.run('readwrite', async (tx) => {
      const known = (await find(tx, PENDING, message.id)) ?? (await find(tx, FAILED, message.id));
      if (known) return refuseOther(known, message);
      await count(tx, { pending: 1, bytes: sizeOf(message) }, limits);
      await result(tx.objectStore(PENDING).add(message));
      return true;
    });
  }

  /** The first message whose conversation is not held, or undefined. */
  async next(isHeld: (conversationId: string) => boolean, holdsAny: boolean): Promise<PendingMessage | undefined> {
    const found = await this.#db.run('readonly', async (tx) => {
      const store = tx.objectStore(PENDING);
      if (!holdsAny) return (await result<Stored[]>(store.getAll(null, 1)))[0];
      const seq = await firstOfLanes(store.index('lane'), isHeld);
      return seq === undefined ? undefined : result<Stored>(store.get(seq));
    });
    return found && withoutPlace(found);
  }

  /** After the server's answer. By id: of a database that was deleted meanwhile, another message has the place. */
  remove(id: string): Promise<boolean> {
    return this.#db.run('readwrite', async (tx) => {
      const message = await find(tx, PENDING, id);
      return message ? drop(tx, PENDING, message) : false;
    });
  }

  /** Undefined: discarded meanwhile. */
  fail(id: string, reason: string, status: number): Promise<FailedMessage | undefined> {
    return this.#db.run('readwrite', async (tx) => {
      const message = await find(tx, PENDING, id);
      if (!message) return undefined;
      const failure: StoredFailure = { ...message, reason, status };
      await move(tx, PENDING, FAILED, failure);
      return withoutPlace(failure);
    });
  }

  retry(id: string): Promise<boolean> {
    return this.#db.run('readwrite', async (tx) => {
      const failure = await find(tx, FAILED, id);
      if (failure) await move(tx, FAILED, PENDING, withoutFailure(failure as StoredFailure));
      return failure !== undefined;
    });
  }

  retryAll(): Promise<number> {
    return this.#db.run('readwrite', async (tx) => {
      const failures = await result<StoredFailure[]>(tx.objectStore(FAILED).getAll());
      for (const failure of failures) await move(tx, FAILED, PENDING, withoutFailure(failure));
      return failures.length;
    });
  }

  discard(id: string): Promise<boolean> {
    return this.#db.run('readwrite', async (tx) => {
      for (const store of [PENDING, FAILED]) {
        const message = await find(tx, store, id);
        if (message) return drop(tx, store, message);
      }
      return false;
    });
  }
}

function find(tx: IDBTransaction, store: string, id: string): Promise<Stored | undefined> {
  return result<Stored | undefined>(tx.objectStore(store).index('id').get(id));
}

/** The same message again is no new one; another one under its id is a mistake, and must not look stored. */
function refuseOther(known: Stored, message: PendingMessage): false {
  const isSame = (['conversationId', 'userId', 'plaintext'] as const).every((key) => known[key] === message[key]);
  if (isSame) return false;
  throw new OfflineQueueError('invalid', `Another message with the id '${message.id}' waits already`);
}

async function drop(tx: IDBTransaction, store: string, message: Stored): Promise<true> {
  await result(tx.objectStore(store).delete(message.seq));
  await count(tx, { [store]: -1, bytes: -sizeOf(message) });
  return true;
}

async function move(tx: IDBTransaction, from: string, to: string, message: Stored): Promise<void> {
  await result(tx.objectStore(from).delete(message.seq));
  await result(tx.objectStore(to).put(message));
  await count(tx, { [from]: -1, [to]: 1 });
}

async function readTotals(tx: IDBTransaction): Promise<Totals> {
  return (await result<Totals | undefined>(tx.objectStore(META).get('totals'))) ?? EMPTY;
}

async function count(tx: IDBTransaction, change: Partial<Totals>, limits?: Limits): Promise<void> {
  const totals = { ...(await readTotals(tx)) };
  for (const key of Object.keys(change) as (keyof Totals)[]) totals[key] += change[key]!;
  if (limits && (totals.pending + totals.failed > limits.limit || totals.bytes > limits.limitBytes))
    throw new OfflineQueueError('full', `The outbox is full: ${limits.limit} messages or ${limits.limitBytes} bytes`);
  await result(tx.objectStore(META).put(totals, 'totals'));
}

/** Each conversation's first message, and of these the oldest: a step for each conversation, not for each message. */
function firstOfLanes(lanes: IDBIndex, isHeld: (lane: string) => boolean): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    let first: number | undefined;
    const request = lanes.openKeyCursor(null, 'nextunique');
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const cursor = request.result;
      if (!cursor) return resolve(first);
      const seq = cursor.primaryKey as number;
      if (!isHeld(cursor.key as string) && !(first! < seq)) first = seq;
      cursor.continue();
    };
  });
}

function withoutPlace<T extends { seq: number }>({ seq: _, ...message }: T): Omit<T, 'seq'> {
  return message;
}

function withoutFailure({ reason: _, status: __, ...message }: StoredFailure): Stored {
  return message;
}
