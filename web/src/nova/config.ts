import { renamed } from '../client/aliases';
import type { ClientOptions, Jitter, LimpetError } from '../client/types';
import type { ConnectionMetrics } from './client';
import type { ConnectionState } from './state';

/** What a client may tell about itself: a connection store's actions, or anything like them. */
export interface StoreActions {
  updateState(state: ConnectionState): void;
  updateMetrics(metrics: ConnectionMetrics): void;
  setError(error: LimpetError): void;
}

/** How to reconnect, and every other option of the client. */
export interface ReconnectConfig extends Partial<Omit<ClientOptions, 'url'>> {
  /** As `multiplier`; default 1.5. */
  backoffMultiplier?: number;
  /** true is `equal`, false `none`; default true. */
  backoffJitter?: boolean | Jitter;
  /** Told of each change of state, with the metrics then, and of each error; before the handlers. */
  store?: StoreActions;
}

/** @internal */
export function jitterOf(given: boolean | Jitter | undefined): Jitter | undefined {
  return typeof given === 'boolean' ? (given ? 'equal' : 'none') : given;
}

/** The client's options for these names. An option that is absent or undefined keeps its default. */
export function clientOptions(url: ClientOptions['url'], config: ReconnectConfig): ClientOptions {
  const { store: _store, ...rest } = config;
  const options: ClientOptions = { ...renamed(rest, { backoffMultiplier: 'multiplier', backoffJitter: 'jitter' }), url };
  options.heartbeat ??= 'ping';
  options.jitter = jitterOf(options.jitter);
  return options;
}
