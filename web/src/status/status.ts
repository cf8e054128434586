/** What is said of a connection: emoji, text, words in other languages. Shared by store and widgets. */
import type { Metrics, State } from '../client/types';

/** Everything that the widgets say, to be replaced for other languages, one by one. */
export interface Labels {
  closed: string;
  connecting: string;
  connected: string;
  connectedFor(duration: string): string;
  disconnected: string;
  reconnecting: string;
  /** Attempt 0 and null stand for unknown: `most` null is "for ever", `delay` null is "dialing now". */
  reconnectingDetail(attempt: number, most: number | null, delay: string | null): string;
  waitingForNetwork: string;
  error(error: Error | null): string;
  failed(attempts: number): string;
  queued(count: number): string;
  reconnects: string;
  queue: string;
  duration: string;
  roundTrip: string;
  bannerOffline: string;
  bannerReconnecting: string;
  /** ERROR: no retry can cure it. */
  bannerError: string;
  bannerFailed: string;
  willSync(count: number): string;
  tryNow: string;
}

function detail(attempt: number, most: number | null, delay: string | null): string {
  const attempts = attempt && `attempt ${attempt}${most === null ? '' : ` of ${most}`}`;
  return [attempts, delay && `in ${delay}`].filter(Boolean).join(', ');
}

export const LABELS: Labels = {
  closed: 'Not connected',
  connecting: 'Connecting',
  connected: 'Connected',
  connectedFor: (duration) => `Connected (${duration})`,
  disconnected: 'Disconnected',
  reconnecting: 'Reconnecting',
  reconnectingDetail: detail,
  waitingForNetwork: 'Waiting for network',
  error: (error) => error?.message ?? 'Connection error',
  failed: (attempts) => `Gave up after ${attempts} attempt${attempts === 1 ? '' : 's'}`,
  queued: (count) => `${count} message${count === 1 ? '' : 's'} waiting`,
  reconnects: 'Reconnects',
  queue: 'Queued',
  duration: 'Connected for',
  roundTrip: 'Round trip',
  bannerOffline: 'You are offline.',
  bannerReconnecting: 'Connection lost. Reconnecting…',
  bannerError: 'Could not connect.',
  bannerFailed: 'Could not reconnect.',
  willSync: (count) => `${count} message${count === 1 ? '' : 's'} will sync when reconnected.`,
  tryNow: 'Try now',
};

export const GREEN = '#10b981';
export const AMBER = '#f59e0b';
export const RED = '#ef4444';

const EMOJI: Record<State, string> = {
  CLOSED: '⬜',
  CONNECTING: '🟡',
  CONNECTED: '🟢',
  DISCONNECTED: '🔴',
  RECONNECTING: '🟡',
  WAITING_FOR_NETWORK: '🔴',
  ERROR: '⚠️',
  FAILED: '⚠️',
};

export const statusEmoji = (state: State): string => EMOJI[state];

/** "45s", "2m 5s", "3h 4m" */
export function durationText(seconds: number): string {
  if (seconds >= 3600) return `${Math.floor(seconds / 3600)}h ${Math.floor(seconds / 60) % 60}m`;
  return seconds >= 60 ? `${Math.floor(seconds / 60)}m ${seconds % 60}s` : `${seconds}s`;
}

/** What a status is told of; `nextRetryInMs` null: dialing now. */
export interface StatusFacts {
  state: State;
  attempt: number;
  maxRetries: number;
  connectionDurationMs: number;
  nextRetryInMs: number | null;
  lastError: Error | null;
}

/** What a store knows of a connection. */
export interface Known {
  fullState: State;
  metrics: Pick<Metrics, 'maxRetries' | 'connectionDurationMs'> | null;
  attempt: number;
  /** Date.now() of the next dial, or null. */
  nextRetryAt: number | null;
  lastError: Error | null;
}

export function factsOf({ fullState: state, metrics, attempt, nextRetryAt, lastError }: Known, now = Date.now()): StatusFacts {
  const { maxRetries = 0, connectionDurationMs = 0 } = metrics ?? {};
  const nextRetryInMs = nextRetryAt === null ? null : Math.max(0, nextRetryAt - now);
  return { state, attempt, maxRetries, connectionDurationMs, nextRetryInMs, lastError };
}

/** "attempt 3 of 10, in 4s"; "" if neither is known. Rounded up: "in 0s" would be a lie until the dial. */
export function reconnectingDetail({ attempt, maxRetries, nextRetryInMs }: StatusFacts, labels: Labels): string {
  const delay = nextRetryInMs === null ? null : durationText(Math.ceil(nextRetryInMs / 1000));
  if (!attempt && delay === null) return '';
  return labels.reconnectingDetail(attempt, Number.isFinite(maxRetries) ? maxRetries : null, delay);
}

function reconnectingText(facts: StatusFacts, labels: Labels): string {
  const detail = reconnectingDetail(facts, labels);
  return detail ? `${labels.reconnecting} (${detail})` : labels.reconnecting;
}

/** "Reconnecting (attempt 3 of 10, in 4s)" */
export function statusText(facts: StatusFacts, labels: Labels = LABELS): string {
  switch (facts.state) {
    case 'CLOSED':
      return labels.closed;
    case 'CONNECTING':
      return labels.connecting;
    case 'CONNECTED':
      return labels.connectedFor(durationText(Math.floor(facts.connectionDurationMs / 1000)));
    case 'DISCONNECTED':
      return labels.disconnected;
    case 'RECONNECTING':
      return reconnectingText(facts, labels);
    case 'WAITING_FOR_NETWORK':
      return labels.waitingForNetwork;
    case 'ERROR':
      return labels.error(facts.lastError);
    case 'FAILED':
      return labels.failed(facts.maxRetries);
  }
}

/** The text without what moves each second: what a screen reader is told. */
export function steadyText(facts: StatusFacts, labels: Labels = LABELS): string {
  if (facts.state === 'CONNECTED') return labels.connected;
  return facts.state === 'RECONNECTING' ? labels.reconnecting : statusText(facts, labels);
}
