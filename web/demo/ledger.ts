/** Who was promised what: an account of every message, kept apart from the code that shows them, so that it can find that code's mistakes. */

/** Messages in the account; older ones that have arrived leave it. */
const ACCOUNT_MAX = 2_000;

interface Entry {
  from: string;
  sequence: number; // 0: not known yet
  shown: Map<string, number>; // to whom, how often
  failed: boolean;
}

export interface Totals {
  sent: number;
  received: number;
  underWay: number;
  lost: number;
  repeated: number;
}

export class Ledger {
  private entries = new Map<string, Entry>();
  private highest = new Map<string, number>(); // the last sequence number that each person has seen
  private settled = { sent: 0, received: 0 };

  /** `from` wrote it, and the outbox took it. */
  sent(id: string, from: string): void {
    if (!this.entries.has(id)) this.entries.set(id, { from, sequence: 0, shown: new Map(), failed: false });
    this.forgetOld();
  }

  /** The relay refused it for good. */
  failed(id: string): void {
    const entry = this.entries.get(id);
    if (entry) entry.failed = true;
  }

  /** It has appeared on the screen of `to`. */
  shown(id: string, to: string, from: string, sequence: number): void {
    this.sent(id, from); // of another tab, or before a reload
    const entry = this.entries.get(id)!;
    entry.sequence = sequence;
    entry.shown.set(to, (entry.shown.get(to) ?? 0) + 1);
    this.highest.set(to, Math.max(sequence, this.highest.get(to) ?? 0));
  }

  /** The relay gives its numbers anew. */
  beganAnew(): void {
    this.highest.clear();
  }

  wasShown(id: string, to: string): boolean {
    return this.entries.get(id)?.shown.has(to) ?? false;
  }

  totals(): Totals {
    const totals: Totals = { ...this.settled, underWay: 0, lost: 0, repeated: 0 };
    for (const entry of this.entries.values()) this.add(totals, entry);
    return totals;
  }

  private add(totals: Totals, entry: Entry): void {
    const others = [...entry.shown.keys()].filter((name) => name !== entry.from);
    totals.sent++;
    if (others.length > 0) totals.received++;
    else if (this.isLost(entry)) totals.lost++;
    else totals.underWay++;
    for (const count of entry.shown.values()) totals.repeated += count - 1;
  }

  /** Refused, or the other one has already been given a later message: order is kept, so it will not come. */
  private isLost(entry: Entry): boolean {
    if (entry.failed) return true;
    const passed = [...this.highest].some(([name, sequence]) => name !== entry.from && sequence > entry.sequence);
    return entry.sequence > 0 && passed;
  }

  private forgetOld(): void {
    if (this.entries.size <= ACCOUNT_MAX) return;
    for (const [id, entry] of this.entries) {
      const isDone = entry.shown.size > 1 && [...entry.shown.values()].every((count) => count === 1);
      if (!isDone) continue;
      this.settled.sent++;
      this.settled.received++;
      this.entries.delete(id);
      return;
    }
  }
}
