/** `EnhancedWebSocketClient`: the client with typed JSON messages. A face, no logic of its own. */
import { Client } from '../client/client';
import { parseMessage } from '../client/json';
import type { ClientOptions, LimpetError, Metrics } from '../client/types';
import { guarded } from '../guarded';
import { clientOptions, type ReconnectConfig, type StoreActions } from './config';
import { connectionState, type ConnectionState } from './state';

export interface WsHandlers {
  /** A message: parsed JSON, or the data itself where it is none. Neither typing nor heartbeats. */
  onMessage?: (payload: any) => void;
  /** `{"type":"typing","conversation_id","user_id"}` came. */
  onTyping?: (conversationId: string, userId: string) => void;
  /** A link is open, the first or a later one. */
  onOpen?: () => void;
  /** A link that was open is gone. */
  onClose?: () => void;
  onError?: (err: LimpetError) => void;
  onStateChange?: (state: ConnectionState) => void;
}

/** Counts and times of a client; `url` with its query values as `***`. */
export interface ConnectionMetrics extends Omit<Metrics, 'state'> {
  state: ConnectionState;
}

let latest: WeakRef<EnhancedWebSocketClient> | undefined;

/* `type` is the caller's: a payload's own does not overrule it. */
function encode(type: string, given: unknown): string {
  const payload = typeof (given as Date | null)?.toJSON === 'function' ? (given as Date).toJSON() : given;
  const isRecord = typeof payload === 'object' && payload !== null && !Array.isArray(payload);
  if (isRecord) return JSON.stringify(Object.assign({ type }, payload, { type }));
  return JSON.stringify(payload === undefined ? { type } : { type, payload });
}

export class EnhancedWebSocketClient {
  /** The client underneath: `listen()` for fates and retries, all eight states, reasons. */
  readonly client: Client;
  readonly #handlers: WsHandlers;
  readonly #store: StoreActions | undefined;
  /** As told last: equal neighbours are told once. */
  #told: ConnectionState = 'CLOSED';

  /** @throws RangeError naming an option that is out of range. */
  constructor(url: ClientOptions['url'], handlers: WsHandlers = {}, config: ReconnectConfig = {}) {
    this.#handlers = handlers;
    this.#store = config.store;
    this.client = new Client(clientOptions(url, config));
    this.client.listen({
      message: (data) => this.#received(parseMessage(data)),
      open: () => handlers.onOpen?.(),
      close: () => handlers.onClose?.(),
      error: (error) => this.#failed(error),
      state: (to) => this.#stateChanged(connectionState(to)),
    });
    latest = new WeakRef(this);
  }

  /** Starts; while it waits to retry: dials now. */
  connect(): void {
    this.client.connect();
  }

  /** Closes the link with 1000 and drops what is queued. `connect()` starts again. */
  disconnect(): void {
    this.client.disconnect();
  }

  /** Puts `{type, ...payload}` on the wire, a payload that is no object as `{type, payload}`; queued
      while there is no link. */
  send(type: string, payload?: any): void {
    this.client.send(encode(type, payload));
  }

  /** Only while connected: typing is never queued. */
  sendTyping(conversationId: string, userId: string): void {
    this.client.send(encode('typing', { conversation_id: conversationId, user_id: userId }), { now: true });
  }

  getState(): ConnectionState {
    return connectionState(this.client.state);
  }

  getMetrics(): ConnectionMetrics {
    const metrics = this.client.metrics();
    return { ...metrics, state: connectionState(metrics.state) };
  }

  /** Dials now, whatever it waits for. */
  retryNow(): void {
    this.client.retryNow();
  }

  /** Drops what is queued. */
  clear(): void {
    this.client.clear();
  }

  /** With `holdUntilReady`: the queue may drain on this link. */
  ready(): void {
    this.client.ready();
  }

  /** Declares the link stable: the counter of attempts goes back to 0. */
  healthy(): void {
    this.client.healthy();
  }

  #received(payload: any): void {
    if (payload?.type === 'typing') this.#handlers.onTyping?.(payload.conversation_id, payload.user_id);
    else this.#handlers.onMessage?.(payload);
  }

  #failed(error: LimpetError): void {
    guarded(() => this.#store?.setError(error));
    this.#handlers.onError?.(error);
  }

  #stateChanged(state: ConnectionState): void {
    const isNews = state !== this.#told;
    this.#told = state;
    if (isNews) guarded(() => this.#store?.updateState(state));
    guarded(() => this.#store?.updateMetrics(this.getMetrics()));
    if (isNews) this.#handlers.onStateChange?.(state);
  }
}

/** Makes a client; `connect()` starts it. */
export function createWebSocketClient(
  url: ClientOptions['url'], handlers: WsHandlers = {}, config: ReconnectConfig = {},
): EnhancedWebSocketClient {
  return new EnhancedWebSocketClient(url, handlers, config);
}

/** The newest client, or null if none was made or it is gone. */
export function getWebSocketClient(): EnhancedWebSocketClient | null {
  return latest?.deref() ?? null;
}
