import { describe, expect, it } from 'vitest';
import { Ledger } from '../../demo/ledger';

const none = { sent: 0, received: 0, underWay: 0, lost: 0, repeated: 0 };

function delivered(ledger: Ledger, id: string, from: string, sequence: number): void {
  ledger.sent(id, from);
  for (const to of ['ann', 'bob']) ledger.shown(id, to, from, sequence);
}

describe('the account of the demo page', () => {
  it('counts what was kept, and what the other one was shown', () => {
    const ledger = new Ledger();
    ledger.sent('a', 'ann');
    expect(ledger.totals()).toEqual({ ...none, sent: 1, underWay: 1 });
    ledger.shown('a', 'ann', 'ann', 1);
    expect(ledger.totals()).toEqual({ ...none, sent: 1, underWay: 1 });
    ledger.shown('a', 'bob', 'ann', 1);
    expect(ledger.totals()).toEqual({ ...none, sent: 1, received: 1 });
  });

  it('calls lost what was passed over, and what was refused', () => {
    const ledger = new Ledger();
    ledger.sent('a', 'ann');
    ledger.shown('a', 'ann', 'ann', 1);
    delivered(ledger, 'b', 'ann', 2);
    expect(ledger.totals()).toEqual({ ...none, sent: 2, received: 1, lost: 1 });
    ledger.sent('c', 'bob');
    ledger.failed('c');
    expect(ledger.totals()).toEqual({ ...none, sent: 3, received: 1, lost: 2 });
  });

  it('calls nothing lost because numbers begin anew', () => {
    const ledger = new Ledger();
    delivered(ledger, 'a', 'ann', 7);
    ledger.beganAnew();
    ledger.sent('b', 'ann');
    ledger.shown('b', 'ann', 'ann', 1);
    expect(ledger.totals()).toEqual({ ...none, sent: 2, received: 1, underWay: 1 });
    expect(ledger.wasShown('b', 'ann')).toBe(true);
    expect(ledger.wasShown('b', 'bob')).toBe(false);
  });

  it('counts whatever is shown twice, to either of them', () => {
    const ledger = new Ledger();
    delivered(ledger, 'a', 'ann', 1);
    ledger.shown('a', 'bob', 'ann', 1);
    expect(ledger.totals().repeated).toBe(1);
    ledger.shown('a', 'ann', 'ann', 1);
    expect(ledger.totals().repeated).toBe(2);
  });

  it('is bounded, and its totals go on', () => {
    const ledger = new Ledger();
    for (let i = 1; i <= 5_000; i++) delivered(ledger, `m${i}`, i % 2 ? 'ann' : 'bob', i);
    expect(ledger.totals()).toEqual({ ...none, sent: 5_000, received: 5_000 });
    expect((ledger as unknown as { entries: Map<string, unknown> }).entries.size).toBeLessThanOrEqual(2_001);
  });
});
