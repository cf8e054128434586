/** Defaults and ranges of the numbers, and what options promise each other. */
import type { ClientOptions } from './types';

const HOUR = 3600000;
const MIB = 1048576;

/* default, lowest, highest */
const NUMBERS = {
  maxRetries: [10, 0, Infinity],
  initialDelayMs: [1000, 1, HOUR],
  maxDelayMs: [60000, 1, 24 * HOUR],
  multiplier: [1.5, 1, 10],
  stableAfterMs: [5000, 0, HOUR],
  connectTimeoutMs: [10000, 10, 600000],
  closeTimeoutMs: [3000, 0, 60000],
  providerTimeoutMs: [10000, 10, 600000],
  heartbeatIntervalMs: [30000, 100, HOUR],
  heartbeatTimeoutMs: [10000, 10, HOUR],
  probeTimeoutMs: [2000, 10, HOUR],
  queueLimit: [100, 1, 1e6],
  queueLimitBytes: [MIB, 1, 2 ** 40],
  readyTimeoutMs: [10000, 10, 600000],
} as const;

/* the first is the default; the place is the engine's number */
const CHOICES = {
  jitter: ['equal', 'none', 'full', 'decorrelated'],
  heartbeat: ['off', 'ping', 'timestamp'],
  confirm: ['none', 'barrier'],
} as const;

const SWITCHES = { holdUntilReady: false, reconnectOnNormalClose: true, networkWatch: true, debug: false };

type Numbers = Record<keyof typeof NUMBERS, number>;
export type Settings = ClientOptions & Numbers & Required<Pick<ClientOptions, keyof typeof CHOICES>> & typeof SWITCHES;

function refuse(name: string, why: string): never {
  throw new RangeError(`limpet: invalid_argument: ${name} ${why}`);
}

function checkNumber(name: string, value: unknown, [, lowest, highest]: readonly number[]): void {
  const whole = name === 'multiplier' || value === Infinity || Number.isInteger(value);
  if (!(typeof value === 'number' && whole && value >= lowest! && value <= highest!))
    refuse(name, `${String(value)} is not ${name === 'multiplier' ? 'a number' : 'an integer'} within ${lowest}-${highest}`);
}

/* A default gives way to what was asked for. */
function fitDefaults(given: ClientOptions, o: Settings): void {
  if (given.maxDelayMs === undefined) o.maxDelayMs = Math.max(o.maxDelayMs, o.initialDelayMs);
  if (given.initialDelayMs === undefined) o.initialDelayMs = Math.min(o.initialDelayMs, o.maxDelayMs);
  if (given.heartbeatTimeoutMs === undefined)
    o.heartbeatTimeoutMs = Math.min(o.heartbeatTimeoutMs, o.heartbeatIntervalMs);
  if (given.heartbeatIntervalMs === undefined)
    o.heartbeatIntervalMs = Math.max(o.heartbeatTimeoutMs, o.heartbeatIntervalMs);
}

/**
 * All options, checked.
 * @throws RangeError naming the option that is out of range.
 */
export function settle(given: ClientOptions): Settings {
  const o = { ...given } as Settings & Record<string, unknown>;
  if (o.url === undefined || o.url === null || o.url === '') refuse('url', 'is missing');
  for (const [name, range] of Object.entries(NUMBERS)) checkNumber(name, (o[name] ??= range[0]), range);
  for (const [name, choices] of Object.entries(CHOICES))
    if (!choices.includes((o[name] ??= choices[0]) as never)) refuse(name, `'${o[name]}' is not one of ${choices.join(', ')}`);
  for (const [name, byDefault] of Object.entries(SWITCHES)) o[name] ??= byDefault;
  fitDefaults(given, o);
  if (o.maxDelayMs < o.initialDelayMs) refuse('maxDelayMs', 'is less than initialDelayMs');
  if (o.heartbeatTimeoutMs > o.heartbeatIntervalMs) refuse('heartbeatTimeoutMs', 'is more than heartbeatIntervalMs');
  if (o.confirm === 'barrier' && o.heartbeat === 'off') refuse('confirm', 'barrier needs a heartbeat');
  return o;
}

/** The engine's numbers for the words. */
export const JITTERS = ['none', 'equal', 'full', 'decorrelated'];
export const DIALECTS = ['', 'ping', 'timestamp', 'off'];
export const CONFIRMS = ['none', 'barrier'];
