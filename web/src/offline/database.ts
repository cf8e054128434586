/**
 * The IndexedDB connection: opened when needed, given up when another tab wants to upgrade or delete it or the browser closes it, opened anew at the next use.
 * Transactions are retried once on a connection that turns out to be closing; nothing else is retried here.
 */
import { OfflineQueueError, describe, storageError } from './error';

const OPEN_TIMEOUT_MS = 10_000;
const VERSION = 1;

/** Records that wait, by `seq`, which is their order; `id` finds one, `lane` (the conversation) finds the first of each. */
export const PENDING = 'pending';
/** Records refused for good, under the same `seq`. */
export const FAILED = 'failed';
/** `totals` and `lease`. */
export const META = 'meta';

export class Database {
  #connection: Promise<IDBDatabase> | undefined;
  #current: IDBDatabase | undefined;
  #isResting = false;

  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  /**
   * Runs `work` in one transaction; resolves with its result once the transaction has committed ("strict" where it writes: on the disk), rejects with an
   * OfflineQueueError if it has not. `work` may only await requests.
   */
  async run<T>(mode: IDBTransactionMode, work: (tx: IDBTransaction) => Promise<T> | T): Promise<T> {
    const tx = await this.#begin(mode);
    try {
      return await commit(tx, work);
    } catch (error) {
      throw storageError(error);
    } finally {
      if (this.#isResting) this.rest();
    }
  }

  /** No connection is kept: of a page in the back-forward cache, or a closed queue. What runs may end. */
  rest(): void {
    this.#isResting = true;
    this.#connection?.then((db) => db.close(), () => {});
    this.#connection = undefined;
  }

  resume(): void {
    this.#isResting = false;
  }

  async #begin(mode: IDBTransactionMode): Promise<IDBTransaction> {
    const stores = [PENDING, FAILED, META];
    for (let attempt = 0; ; attempt++) {
      const db = await this.#open();
      try {
        return db.transaction(stores, mode, { durability: 'strict' });
      } catch (error) {
        this.#forget(db);
        if (attempt > 0) throw storageError(error);
      }
    }
  }

  #open(): Promise<IDBDatabase> {
    const opening = (this.#connection ??= openDatabase(this.#name).then((db) => this.#adopt(db)));
    opening.catch(() => {
      if (this.#connection === opening) this.#connection = undefined;
    });
    return opening;
  }

  #adopt(db: IDBDatabase): IDBDatabase {
    db.onversionchange = () => this.#forget(db);
    db.onclose = () => this.#forget(db);
    return (this.#current = db);
  }

  /** A closing connection lets its transactions end, and takes no new ones. */
  #forget(db: IDBDatabase): void {
    db.onversionchange = db.onclose = null;
    db.close();
    if (this.#current === db) this.#connection = undefined;
  }
}

/** A request as a promise, to be awaited inside its transaction only. */
export function result<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function commit<T>(tx: IDBTransaction, work: (tx: IDBTransaction) => Promise<T> | T): Promise<T> {
  const ended = new Promise<void>((resolve, reject) => {
    tx.oncomplete = () => resolve();
    tx.onabort = () => reject(tx.error ?? new Error('the transaction was aborted'));
  });
  ended.catch(() => {}); // told below, or outdone by the error of `work`
  try {
    const value = await work(tx);
    await ended;
    return value;
  } catch (error) {
    abort(tx);
    throw (error as Error).name === 'AbortError' ? (tx.error ?? error) : error;
  }
}

function abort(tx: IDBTransaction): void {
  try {
    tx.abort();
  } catch {
    // it has ended already
  }
}

const unavailable = (why: string, cause?: unknown) =>
  new OfflineQueueError('unavailable', `Messages cannot be kept in this browser: ${why}`, cause);

function explain(error: unknown): OfflineQueueError {
  const name = (error as Error | null)?.name;
  if (name === 'QuotaExceededError') return storageError(error);
  if (name === 'VersionError') return unavailable('their database was made by a newer version', error);
  return unavailable(`the database does not open (${describe(error)}), as in some private windows`, error);
}

/** Reading `indexedDB` itself throws in a sandboxed frame. */
function factory(): IDBFactory {
  try {
    if (globalThis.indexedDB) return globalThis.indexedDB;
  } catch (error) {
    throw explain(error);
  }
  throw unavailable('there is no IndexedDB');
}

async function openDatabase(name: string): Promise<IDBDatabase> {
  const indexedDb = factory();
  return new Promise((resolve, reject) => {
    let why = 'the database does not answer';
    let isLate = false;
    const request = start(indexedDb, name);
    const timer = setTimeout(() => ((isLate = true), reject(unavailable(why))), OPEN_TIMEOUT_MS);
    request.onupgradeneeded = () => createStores(request.result);
    request.onblocked = () => (why = 'another tab holds on to an older database');
    request.onerror = () => (clearTimeout(timer), reject(explain(request.error)));
    request.onsuccess = () => {
      clearTimeout(timer);
      if (isLate) request.result.close();
      else isOutbox(request.result) ? resolve(request.result) : reject(unavailable(notOurs(name)));
    };
  });
}

function start(indexedDb: IDBFactory, name: string): IDBOpenDBRequest {
  try {
    return indexedDb.open(name, VERSION);
  } catch (error) {
    throw explain(error);
  }
}

function createStores(db: IDBDatabase): void {
  const pending = db.createObjectStore(PENDING, { keyPath: 'seq', autoIncrement: true });
  pending.createIndex('id', 'id', { unique: true });
  pending.createIndex('lane', 'conversationId');
  db.createObjectStore(FAILED, { keyPath: 'seq' }).createIndex('id', 'id', { unique: true });
  db.createObjectStore(META);
}

/** A name may be somebody else's; its data stays as it is. */
function isOutbox(db: IDBDatabase): boolean {
  const isOurs = [PENDING, FAILED, META].every((store) => db.objectStoreNames.contains(store));
  if (!isOurs) db.close();
  return isOurs;
}

const notOurs = (name: string) => `the database '${name}' is not an outbox; choose another name`;
