/**
 * The contract's backoff: first the clamp, then the jitter. The definition is src/session/backoff.c; this second spelling spares a page with nothing but the outbox
 * the engine (several times the outbox's size), and a test holds the two equal.
 */
export interface Backoff {
  initialDelayMs: number;
  maxDelayMs: number;
  multiplier: number;
  jitter: 'none' | 'equal' | 'full';
}

const RETRY_AFTER_MAX_MS = 300_000;

export function backoffDelay(config: Backoff, attempt: number, unit: number): number {
  const delay = Math.min(config.initialDelayMs * config.multiplier ** attempt, config.maxDelayMs);
  const factor = { none: 1, equal: 0.5 + unit / 2, full: unit }[config.jitter];
  return Math.trunc(delay * factor);
}

/** With a server's Retry-After: never sooner than it said, and spread beyond. */
export function delayWithHint(config: Backoff, delayMs: number, hintMs: number, unit: number): number {
  const delay = Math.max(delayMs, Math.min(hintMs, RETRY_AFTER_MAX_MS));
  return config.jitter === 'none' ? delay : delay + Math.trunc((delay * unit) / 2);
}

/** Retry-After as seconds or a date, in milliseconds; 0: none, or not understood. */
export function readRetryAfter(value: string | null, nowMs: number): number {
  if (!value) return 0;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : / GMT$/.test(value) ? Date.parse(value) - nowMs : 0;
  return ms > 0 ? ms : 0;
}
