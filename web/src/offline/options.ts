/** Options with their defaults and ranges, and the check of a message. */
import { newId } from '../id';
import { OfflineQueueError } from './error';
import { byteLength } from './outbox';
import type { OfflineMessage, OfflineQueueOptions, PendingMessage } from './types';

const ID_MAX = 128;
const HOUR_MS = 3_600_000;

const defaults = {
  name: 'limpet-offline',
  limit: 10_000,
  limitBytes: 16 * 2 ** 20,
  initialDelayMs: 1000,
  maxDelayMs: 60_000,
  multiplier: 1.5,
  jitter: 'equal' as 'none' | 'equal' | 'full',
  timeoutMs: 30_000,
  random: Math.random,
};

export type Options = OfflineQueueOptions & typeof defaults;

const ranges: [keyof Options, number, boolean][] = [
  ['limit', 1_000_000, true],
  ['limitBytes', 2 ** 30, true],
  ['initialDelayMs', HOUR_MS, true],
  ['maxDelayMs', 24 * HOUR_MS, true],
  ['multiplier', 100, false],
  ['timeoutMs', HOUR_MS, true],
];

export const invalid = (sentence: string) => new OfflineQueueError('invalid', sentence);

/** Every number is from 1 to its maximum. */
export function checkOptions(given: OfflineQueueOptions): Options {
  const set = Object.entries(given).filter(([, value]) => value !== undefined);
  const options: Options = { ...defaults, ...Object.fromEntries(set) };
  for (const [key, max, isInteger] of ranges) checkNumber(key, options[key], max, isInteger);
  if (!['none', 'equal', 'full'].includes(options.jitter)) throw invalid("'jitter' must be none, equal or full");
  /* no lock can have one with '-' in front */
  if (typeof options.name !== 'string' || !/^[^-]/.test(options.name)) throw invalid("'name' must be a string not beginning with '-'");
  return options;
}

export function checkNumber(key: string, value: unknown, max: number, isInteger = true): void {
  const isFine = typeof value === 'number' && value >= 1 && value <= max && (!isInteger || Number.isInteger(value));
  if (!isFine) throw invalid(`'${key}' must be ${isInteger ? 'an integer' : 'a number'} from 1 to ${max}`);
}

export function checkMessage(message: OfflineMessage): PendingMessage {
  const { conversationId, userId, plaintext, id = newId() } = message ?? {};
  for (const [key, value] of Object.entries({ id, conversationId, userId })) checkId(key, value);
  if (/^\.\.?$/.test(conversationId)) throw invalid("'conversationId' must not be '.' or '..'"); // no path can name it
  if (typeof plaintext !== 'string') throw invalid("'plaintext' must be a string");
  return { id, conversationId, userId, plaintext, enqueuedAtMs: Date.now() };
}

function checkId(key: string, value: unknown): void {
  const length = typeof value === 'string' && !/\p{Surrogate}/u.test(value) ? byteLength(value) : 0; // half a character is no UTF-8
  if (length < 1 || length > ID_MAX) throw invalid(`'${key}' must be a string of 1 to ${ID_MAX} bytes of UTF-8`);
}
