/** The same cases as the table of the native status texts: both must say the same. */
import { describe, expect, test } from 'vitest';
import type { LimpetError, Metrics, State } from '../../src/client/types';
import { factsOf, LABELS, statusEmoji, statusText, steadyText, type StatusFacts } from '../../src/status/status';

const NOW = null;
type Case = [State, number, number, number, number | null, string];
const cases: Case[] = [
  ['CLOSED', 0, 10, 0, NOW, '⬜ Not connected'],
  ['CONNECTING', 0, 10, 0, NOW, '🟡 Connecting'],
  ['CONNECTED', 0, 10, 0, NOW, '🟢 Connected (0s)'],
  ['CONNECTED', 0, 10, 45999, NOW, '🟢 Connected (45s)'],
  ['CONNECTED', 0, 10, 59999, NOW, '🟢 Connected (59s)'],
  ['CONNECTED', 0, 10, 60000, NOW, '🟢 Connected (1m 0s)'],
  ['CONNECTED', 0, 10, 125000, NOW, '🟢 Connected (2m 5s)'],
  ['CONNECTED', 0, 10, 3600000, NOW, '🟢 Connected (1h 0m)'],
  ['CONNECTED', 0, 10, 11045000, NOW, '🟢 Connected (3h 4m)'],
  ['CONNECTED', 0, 10, 360000000, NOW, '🟢 Connected (100h 0m)'],
  ['DISCONNECTED', 0, 10, 0, NOW, '🔴 Disconnected'],
  ['RECONNECTING', 3, 10, 0, 4000, '🟡 Reconnecting (attempt 3 of 10, in 4s)'],
  ['RECONNECTING', 3, 10, 0, 3001, '🟡 Reconnecting (attempt 3 of 10, in 4s)'],
  ['RECONNECTING', 3, 10, 0, 125000, '🟡 Reconnecting (attempt 3 of 10, in 2m 5s)'],
  ['RECONNECTING', 3, 10, 0, 0, '🟡 Reconnecting (attempt 3 of 10, in 0s)'],
  ['RECONNECTING', 3, 10, 0, NOW, '🟡 Reconnecting (attempt 3 of 10)'],
  ['RECONNECTING', 3, Infinity, 0, NOW, '🟡 Reconnecting (attempt 3)'],
  ['RECONNECTING', 3, Infinity, 0, 2000, '🟡 Reconnecting (attempt 3, in 2s)'],
  ['RECONNECTING', 0, 10, 0, 30, '🟡 Reconnecting (in 1s)'],
  ['RECONNECTING', 0, 10, 0, NOW, '🟡 Reconnecting'],
  ['WAITING_FOR_NETWORK', 3, 10, 0, NOW, '🔴 Waiting for network'],
  ['FAILED', 10, 10, 0, NOW, '⚠️ Gave up after 10 attempts'],
  ['FAILED', 1, 1, 0, NOW, '⚠️ Gave up after 1 attempt'],
];

function facts(state: State, more: Partial<StatusFacts> = {}): StatusFacts {
  return { state, attempt: 0, maxRetries: 10, connectionDurationMs: 0, nextRetryInMs: NOW, lastError: null, ...more };
}

test.each(cases)('%s, attempt %i of %d, connected %i ms, next in %s: %s', (state, attempt, maxRetries, connectionDurationMs, nextRetryInMs, text) => {
  const all = { state, attempt, maxRetries, connectionDurationMs, nextRetryInMs, lastError: null };
  expect(`${statusEmoji(state)} ${statusText(all)}`).toBe(text);
});

test('an error says its sentence; without one, the general', () => {
  const lastError = Object.assign(new Error('Certificate not trusted'), { kind: 'connection_lost' }) as LimpetError;
  expect(statusText(facts('ERROR', { lastError }))).toBe('Certificate not trusted');
  expect(statusText(facts('ERROR'))).toBe('Connection error');
});

describe('the steady text', () => {
  test('moves with neither seconds nor attempts', () => {
    const at = (ms: number) => steadyText(facts('CONNECTED', { connectionDurationMs: ms }));
    expect([at(0), at(61000)]).toEqual(['Connected', 'Connected']);
    expect(steadyText(facts('RECONNECTING', { attempt: 3, nextRetryInMs: 4000 }))).toBe('Reconnecting');
    expect(steadyText(facts('FAILED', { maxRetries: 2 }))).toBe('Gave up after 2 attempts');
  });
});

test('words in another language, one by one', () => {
  const labels = { ...LABELS, reconnecting: 'Neu verbinden', connected: 'Verbunden', connectedFor: (duration: string) => `Verbunden (${duration})` };
  expect(statusText(facts('CONNECTED', { connectionDurationMs: 2000 }), labels)).toBe('Verbunden (2s)');
  expect(steadyText(facts('CONNECTED'), labels)).toBe('Verbunden');
  expect(statusText(facts('RECONNECTING', { attempt: 1 }), labels)).toBe('Neu verbinden (attempt 1 of 10)');
});

test('the time to the next dial is counted from now, never below 0', () => {
  const known = { fullState: 'RECONNECTING', metrics: null, attempt: 1, nextRetryAt: 5000, lastError: null } as const;
  const at = (now: number) => factsOf(known, now).nextRetryInMs;
  expect([at(1000), at(5000), at(6000)]).toEqual([4000, 0, 0]);
  expect(factsOf({ ...known, nextRetryAt: null }).nextRetryInMs).toBeNull();
});
