import { getEngine } from '../engine/engine';
import { JITTERS } from '../client/options';
import { jitterOf, type ReconnectConfig } from './config';

/**
 * The delay in milliseconds before retry `attempt` (0 is the first), as the client waits it: first
 * the clamp to maxDelayMs, then the jitter.
 */
export function calculateBackoffDelay(attempt: number, config: ReconnectConfig = {}): number {
  const { initialDelayMs = 1000, maxDelayMs = Math.max(60000, initialDelayMs), backoffMultiplier = 1.5, backoffJitter = true } = config;
  const { multiplier = backoffMultiplier, jitter = jitterOf(backoffJitter)! } = config; // the client's own names count first
  if (!(Number.isInteger(attempt) && attempt >= 0)) throw new RangeError(`attempt ${attempt} is not an integer from 0 on`);
  return getEngine().$backoff(
    maxDelayMs, initialDelayMs, multiplier, JITTERS.indexOf(jitter), Math.min(attempt, 0xffffffff), Math.random(),
  );
}
