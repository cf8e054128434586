import { describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/engine';
import { makeWasmEngine } from '../../src/engine/wasm';

/* Many clients on one engine, in virtual time: a list of events for each millisecond. */

const [DIAL, ABORT, OPENED] = [1, 2, 10];
const CONNECTION_LOST = 8;
const LATENCY_MS = 20; // of a dial, whether it succeeds or is refused

class Fleet {
  private buckets: (() => void)[][] = [];
  private clients: number[] = [];
  private epochs: number[] = [];
  private seed = 1;
  isServerUp = true;
  dropsAtOnce = false;
  now = 0;
  readonly openedAt: number[] = [];
  dials = 0;

  constructor(private e: Engine, count: number) {
    for (let i = 0; i < count; i++) this.add();
  }

  /* The contract's defaults; the seeds are as random as a page's. */
  private add(): void {
    const c = this.e.$client();
    this.seed = (Math.imul(this.seed, 1664525) + 1013904223) >>> 0;
    this.e.$init(c, this.seed, 10, 1000, 60000, 1.5, 1, 5000, 1, 3, 30000, 10000, 2000, 3000, 0, 0, 100, 2 ** 20, 0);
    this.clients.push(c);
  }

  private at(ms: number, event: () => void): void {
    (this.buckets[ms] ??= []).push(event);
  }

  private lose(i: number, epoch: number): void {
    this.e.$lost(this.clients[i]!, this.now, epoch, CONNECTION_LOST, 1006, 0);
    this.take(i);
  }

  private answer(i: number, epoch: number): void {
    if (!this.isServerUp) return this.lose(i, epoch);
    this.e.$opened(this.clients[i]!, this.now, epoch);
    this.take(i);
    if (this.dropsAtOnce) this.at(this.now + 1, () => this.lose(i, epoch));
  }

  private act(i: number, kind: number): void {
    const epoch = new Uint32Array(this.e.memory.buffer, this.e.$results())[1]!;
    if (kind === OPENED) this.openedAt.push(this.now);
    if (kind === ABORT) throw new Error('nobody asked for that');
    if (kind !== DIAL) return;
    this.dials++;
    this.epochs[i] = epoch;
    this.at(this.now + LATENCY_MS, () => this.answer(i, epoch));
  }

  private take(i: number): void {
    const c = this.clients[i]!;
    for (let kind; (kind = this.e.$next(c, this.now)); ) this.act(i, kind);
    const due = this.e.$deadline(c);
    if (due >= 0) this.at(Math.max(due, this.now + 1), () => this.tick(i, due));
  }

  private tick(i: number, due: number): void {
    if (this.e.$deadline(this.clients[i]!) !== due) return; // planned anew meanwhile
    this.e.$tick(this.clients[i]!, this.now);
    this.take(i);
  }

  runUntil(ms: number): void {
    for (; this.now < ms; this.now++) {
      for (const event of this.buckets[this.now] ?? []) event();
      delete this.buckets[this.now];
    }
  }

  connect(): void {
    this.clients.forEach((c, i) => (this.e.$connect(c, this.now), this.take(i)));
  }

  cut(): void {
    this.isServerUp = false;
    this.clients.forEach((_, i) => this.lose(i, this.epochs[i]!));
  }
}

/** The most of them that lie within any `span` ms. */
function densest(moments: number[], span: number): number {
  const sorted = [...moments].sort((a, b) => a - b);
  let most = 0;
  for (let first = 0, last = 0; last < sorted.length; last++) {
    while (sorted[last]! - sorted[first]! >= span) first++;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

describe('a fleet of 20,000', () => {
  it('comes back spread out after 60 s without a server', () => {
    const count = 20_000;
    const fleet = new Fleet(makeWasmEngine(), count);
    fleet.connect();
    fleet.runUntil(10_000);
    expect(fleet.openedAt.length).toBe(count);
    fleet.openedAt.length = 0;
    fleet.cut();
    fleet.runUntil(70_000);
    fleet.isServerUp = true;
    fleet.runUntil(170_000);
    expect(fleet.openedAt.length).toBe(count);
    expect(densest(fleet.openedAt, 100)).toBeLessThanOrEqual(count * 0.015);
    expect(fleet.openedAt[0]).toBeLessThan(71_000);
  });
});

describe('the densest span', () => {
  it('is found wherever it begins', () => {
    expect(densest([0, 50, 99, 100, 150, 199], 100)).toBe(3);
    expect(densest([5, 5, 5, 300], 100)).toBe(3);
  });
});

describe('a server that accepts and drops', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('sees at most 10 connects a minute (client %i)', (clients) => {
    const fleet = new Fleet(makeWasmEngine(), clients);
    fleet.dropsAtOnce = true;
    fleet.connect();
    fleet.runUntil(60_000);
    expect(fleet.dials).toBeLessThanOrEqual(10 * clients);
    expect(fleet.openedAt.length).toBeGreaterThan(clients);
  });
});
