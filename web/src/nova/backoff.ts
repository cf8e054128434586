import { getEngine } from '../engine/engine';
import type { Jitter } from '../client/types';
import type { ReconnectConfig } from './config';

const JITTERS: readonly Jitter[] = ['none', 'equal', 'full', 'decorrelated'];

/**
 * The delay in milliseconds before retry `attempt` (0 is the first), as the client waits it: first
 * the clamp to maxDelayMs, then the jitter.
 */
export function calculateBackoffDelay(attempt: number, config: ReconnectConfig = {}): number {
  const { initialDelayMs = 1000, maxDelayMs = 60000, backoffMultiplier = 1.5, backoffJitter = true } = config;
  if (!(Number.isInteger(attempt) && attempt >= 0)) throw new RangeError(`attempt ${attempt} is not an integer from 0 on`);
  const jitter = typeof backoffJitter === 'boolean' ? (backoffJitter ? 'equal' : 'none') : backoffJitter;
  return getEngine().backoff(
    maxDelayMs, initialDelayMs, backoffMultiplier, JITTERS.indexOf(jitter), Math.min(attempt, 0xffffffff), Math.random(),
  );
}
