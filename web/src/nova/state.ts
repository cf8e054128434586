import type { State } from '../client/types';

/** The six states of an EnhancedWebSocketClient. */
export const ConnectionState = {
  /** Not started, or after disconnect(). */
  CLOSED: 'CLOSED',
  /** The first dial is under way. */
  CONNECTING: 'CONNECTING',
  /** Open, heartbeat running. */
  CONNECTED: 'CONNECTED',
  /** The link is gone; or there is no network to dial over. */
  DISCONNECTED: 'DISCONNECTED',
  /** Waiting out a delay, or dialing again. */
  RECONNECTING: 'RECONNECTING',
  /** Retrying cannot cure it, or the retries are used up. */
  ERROR: 'ERROR',
} as const;
export type ConnectionState = (typeof ConnectionState)[keyof typeof ConnectionState];

/** Eight states under six names: WAITING_FOR_NETWORK is DISCONNECTED, FAILED is ERROR. */
export function connectionState(state: State): ConnectionState {
  if (state === 'WAITING_FOR_NETWORK') return 'DISCONNECTED';
  return state === 'FAILED' ? 'ERROR' : state;
}
