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

/* In the order of the engine's numbers. */
export const JITTERS = ['none', 'equal', 'full', 'decorrelated'];
export const HEARTBEATS = ['ping', 'timestamp', 'off']; // from 1 on
export const CONFIRMS = ['none', 'barrier'];

const CHOICES = { jitter: JITTERS, heartbeat: HEARTBEATS, confirm: CONFIRMS };

const DEFAULTS = { jitter: 'equal', heartbeat: 'off', confirm: 'none', reconnectOnNormalClose: true, networkWatch: true } as const;

type Numbers = Record<keyof typeof NUMBERS, number>;
export type Settings = ClientOptions & Numbers & Required<Pick<ClientOptions, keyof typeof DEFAULTS>>;

const nameOf = (o: ClientOptions, name: string) => o.names?.[name] ?? name;

function refuse(o: ClientOptions, name: string, why: string): never {
  throw new RangeError(`limpet: invalid_argument: ${nameOf(o, name)} ${why}`);
}

function checkNumber(o: ClientOptions, name: string, value: unknown, [, lowest, highest]: readonly number[]): void {
  const whole = name === 'multiplier' || value === Infinity || Number.isInteger(value);
  if (!(typeof value === 'number' && whole && value >= lowest! && value <= highest!))
    refuse(o, name, `${String(value)} is not ${name === 'multiplier' ? 'a number' : 'an integer'} within ${lowest}-${highest}`);
}

/* One may not be more than the other; a default gives way to what was asked for. */
function order(given: ClientOptions, o: Settings, low: keyof Numbers, high: keyof Numbers): void {
  if (given[high] === undefined) o[high] = Math.max(o[low], o[high]);
  else if (given[low] === undefined) o[low] = Math.min(o[low], o[high]);
  if (o[low] > o[high]) refuse(o, low, `is more than ${nameOf(o, high)}`);
}

/**
 * All options, checked.
 * @throws RangeError naming the option that is out of range.
 */
export function settle(given: ClientOptions): Settings {
  const o = { ...given } as Settings & Record<string, unknown>;
  if (o.url === undefined || o.url === null || o.url === '') refuse(o, 'url', 'is missing');
  for (const [name, range] of Object.entries(NUMBERS)) checkNumber(o, name, (o[name] ??= range[0]), range);
  for (const [name, byDefault] of Object.entries(DEFAULTS)) o[name] ??= byDefault;
  for (const [name, choices] of Object.entries(CHOICES))
    if (!choices.includes(o[name] as string)) refuse(o, name, `'${o[name]}' is not one of ${choices.join(', ')}`);
  order(given, o, 'initialDelayMs', 'maxDelayMs');
  order(given, o, 'heartbeatTimeoutMs', 'heartbeatIntervalMs');
  if (o.confirm === 'barrier' && o.heartbeat === 'off') refuse(o, 'confirm', 'barrier needs a heartbeat');
  return o;
}
