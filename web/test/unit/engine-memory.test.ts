import { describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/engine';
import { makeJsEngine } from '../../src/engine/js';
import { makeWasmEngine } from '../../src/engine/wasm';

const FATE = 12;

function newClient(e: Engine, queueLimit: number): number {
  const c = e.$client();
  expect(c).not.toBe(0);
  e.$init(c, 1, 10, 1000, 60000, 1.5, 1, 5000, 1, 3, 30000, 10000, 2000, 3000, 0, 0, queueLimit, 2 ** 40, 0);
  return c;
}

function send(e: Engine, c: number): number {
  const m = e.$message(10, -1);
  if (!m || !e.$enqueue(c, 1000, m)) throw new Error('message not taken'); // expect() 100,000 times is slow
  return m;
}

/** The messages of the fates, in order; they are given back. */
function takeFates(e: Engine, c: number): number[] {
  const messages: number[] = [];
  for (let kind; (kind = e.$next(c, 1000)); ) {
    if (kind !== FATE) continue;
    const [, , m] = new Uint32Array(e.memory.buffer, e.$results(), 3);
    messages.push(m!);
    e.$freeMessage(m!);
  }
  return messages;
}

describe.each([['WebAssembly', makeWasmEngine], ['JavaScript', makeJsEngine]])('memory of the engine in %s', (_, make) => {
  it('holds 1,000 clients with 100,000 messages, each its own', () => {
    const e = make();
    const clients = Array.from({ length: 1000 }, () => newClient(e, 100));
    const sent = Array.from({ length: 100_000 }, (__, i) => send(e, clients[i % 1000]!));
    expect(new Set(sent).size).toBe(100_000);
    clients.forEach((c) => e.$clear(c));
    const fates = clients.map((c) => takeFates(e, c));
    fates.forEach((of, i) => expect(of).toEqual(Array.from({ length: 100 }, (__, k) => sent[k * 1000 + i])));
  });

  it('is used again: the peak bounds it', () => {
    const e = make();
    const c = newClient(e, 1000);
    let size = 0;
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 1000; i++) send(e, c);
      e.$clear(c);
      expect(takeFates(e, c).length).toBe(1000);
      if (!round) size = e.memory.buffer.byteLength;
    }
    expect(e.memory.buffer.byteLength).toBe(size);
  });
});

describe('without memory', () => {
  it('there is no client and no message, and what exists goes on', () => {
    const e = makeWasmEngine();
    const c = newClient(e, 10);
    const { memory } = e as unknown as { memory: WebAssembly.Memory };
    expect(fill(memory)).toBeGreaterThan(0);
    let made = 0;
    while (made < 10_000 && e.$message(1, -1)) made++;
    expect(made).toBeLessThan(10_000);
    expect(e.$message(1, -1)).toBe(0);
    e.$connect(c, 1000);
    expect(e.$next(c, 1000)).not.toBe(0);
  });
});

/** Takes from the page all that the memory could grow by; says how many pages. */
function fill(memory: WebAssembly.Memory): number {
  let taken = 0;
  for (let step = 65536; step >= 1; step >>= 1)
    for (let tries = 0; tries < 2; tries++)
      try {
        memory.grow(step);
        taken += step;
      } catch {
        break;
      }
  return taken;
}
