/**
 * One tab of an origin delivers. With Web Locks: who holds the lock, which the browser frees when the tab goes. Without: who holds a lease in the database, renewed each
 * 2 s. A lease is free when its time is over, or when it has not changed for that long by this tab's own clock, so that a clock set back frees it too.
 */
import { type Database, META, result } from './database';

const RENEW_MS = 2000;
const LEASE_MS = 6000;

interface Lease {
  owner: string;
  untilMs: number;
}

export interface Owner {
  start(): void;
  /** Gives the place to another tab. */
  stop(): void;
  isOwner(): boolean;
}

export function makeOwner(name: string, db: Database, changed: () => void): Owner {
  return globalThis.navigator?.locks ? new LockOwner(name, changed) : new LeaseOwner(db, changed);
}

class LockOwner implements Owner {
  #release: (() => void) | undefined;
  #waiting: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  readonly #name: string;
  readonly #changed: () => void;

  constructor(name: string, changed: () => void) {
    this.#name = name;
    this.#changed = changed;
  }

  isOwner(): boolean {
    return this.#release !== undefined;
  }

  start(): void {
    const waiting = (this.#waiting = new AbortController());
    const hold = () => (waiting.signal.aborted ? undefined : this.#held());
    navigator.locks.request(this.#name, { mode: 'exclusive', signal: waiting.signal }, hold).catch(() => this.#lost(waiting));
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#waiting?.abort();
    this.#release?.();
    this.#release = undefined;
  }

  #held(): Promise<void> {
    return new Promise((resolve) => {
      this.#release = resolve;
      this.#changed();
    });
  }

  /** Refused or stolen, if it was not given up: asked for again later. */
  #lost(waiting: AbortController): void {
    if (waiting.signal.aborted) return;
    this.#release = undefined;
    this.#changed();
    this.#timer = setTimeout(() => this.start(), LEASE_MS);
  }
}

class LeaseOwner implements Owner {
  readonly #me = String(Math.random());
  #mine: Lease | undefined;
  #seen: Lease | undefined;
  #seenAtMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #wasOwner = false;
  #run: object | undefined;

  readonly #db: Database;
  readonly #changed: () => void;

  constructor(db: Database, changed: () => void) {
    this.#db = db;
    this.#changed = changed;
  }

  isOwner(): boolean {
    return this.#mine !== undefined && Date.now() < this.#mine.untilMs && performance.now() < this.#seenAtMs + LEASE_MS;
  }

  start(): void {
    void this.#turn((this.#run = {}));
  }

  stop(): void {
    this.#run = undefined;
    clearTimeout(this.#timer);
    if (this.#mine) void this.#db.run('readwrite', (tx) => this.#giveBack(tx)).catch(() => {});
    this.#mine = undefined;
  }

  async #turn(run: object): Promise<void> {
    const atMs = performance.now();
    await this.#db.run('readwrite', (tx) => this.#take(tx, atMs)).catch(() => {}); // it runs out by itself
    if (this.#run !== run) return this.#run ? undefined : this.stop();
    if (this.#wasOwner || this.isOwner()) this.#changed();
    this.#wasOwner = this.isOwner();
    this.#timer = setTimeout(() => void this.#turn(run), RENEW_MS);
  }

  /** Compare and set, in one transaction. */
  async #take(tx: IDBTransaction, atMs: number): Promise<void> {
    const lease = await result<Lease | undefined>(tx.objectStore(META).get('lease'));
    if (lease?.owner !== this.#seen?.owner || lease?.untilMs !== this.#seen?.untilMs) this.#see(lease, atMs);
    if (!this.#isFree(lease, atMs)) return void (this.#mine = undefined);
    const mine = { owner: this.#me, untilMs: Date.now() + LEASE_MS };
    await result(tx.objectStore(META).put(mine, 'lease'));
    this.#mine = mine;
    this.#see(mine, atMs);
  }

  #see(lease: Lease | undefined, atMs: number): void {
    this.#seen = lease;
    this.#seenAtMs = atMs;
  }

  #isFree(lease: Lease | undefined, atMs: number): boolean {
    if (!lease || lease.owner === this.#me) return true;
    return lease.untilMs <= Date.now() || atMs - this.#seenAtMs >= LEASE_MS;
  }

  async #giveBack(tx: IDBTransaction): Promise<void> {
    const lease = await result<Lease | undefined>(tx.objectStore(META).get('lease'));
    if (lease?.owner === this.#me) await result(tx.objectStore(META).delete('lease'));
  }
}
