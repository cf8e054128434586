/** The outbox's spelling of the backoff is the session's. */
import { describe, expect, test } from 'vitest';
import { makeWasmEngine } from '../../src/engine/wasm';
import { backoffDelay, delayWithHint, readRetryAfter } from '../../src/offline/backoff';

const jitters = ['none', 'equal', 'full'] as const;

describe.each(jitters)('jitter %s', (jitter) => {
  test('each delay is the engine\'s', () => {
    const engine = makeWasmEngine();
    for (const initialDelayMs of [1, 1000, 7777])
      for (const maxDelayMs of [1, 30_000, 60_000])
        for (const multiplier of [1, 1.5, 3])
          for (const unit of [0, 0.25, 0.5, 0.999])
            for (let attempt = 0; attempt < 40; attempt++) {
              const config = { initialDelayMs, maxDelayMs, multiplier, jitter };
              const theirs = engine.$backoff(maxDelayMs, initialDelayMs, multiplier, jitters.indexOf(jitter), attempt, unit);
              expect(Math.abs(backoffDelay(config, attempt, unit) - theirs)).toBeLessThanOrEqual(1); // powers may differ in the last bit
            }
  });
});

test('an attempt beyond all numbers is clamped', () => {
  expect(backoffDelay({ initialDelayMs: 1000, maxDelayMs: 60_000, multiplier: 1.5, jitter: 'none' }, 1e9, 0)).toBe(60_000);
});

test('a hint is clamped to five minutes, never shortens, and is spread by up to a half', () => {
  const config = { initialDelayMs: 1000, maxDelayMs: 60_000, multiplier: 1.5, jitter: 'equal' as const };
  expect(delayWithHint(config, 1000, 20_000, 0)).toBe(20_000);
  expect(delayWithHint(config, 1000, 20_000, 0.5)).toBe(25_000);
  expect(delayWithHint(config, 30_000, 20_000, 0)).toBe(30_000);
  expect(delayWithHint(config, 1000, 1e12, 0)).toBe(300_000);
  expect(delayWithHint({ ...config, jitter: 'none' }, 1000, 20_000, 0.9)).toBe(20_000);
});

test.each([
  [null, 0], ['', 0], ['0', 0], ['7', 7000], ['-1', 0], ['soon', 0],
  ['Thu, 01 Jan 1970 00:00:09 GMT', 4000], ['Thu, 01 Jan 1970 00:00:04 GMT', 0],
])('Retry-After %j is %i ms', (value, ms) => expect(readRetryAfter(value, 5000)).toBe(ms));
