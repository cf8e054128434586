/** `limpet/service`: EnhancedWebSocketService, the client with handlers by message type. */
import { renamed } from './client/aliases';
import { Client } from './client/client';
import { parseMessage } from './client/json';
import { settle } from './client/options';
import type { ClientOptions, LimpetError, Metrics, Reason, State } from './client/types';
import { guarded } from './guarded';

/** The service's own names, and every other option of the client. Times in milliseconds. */
export interface ServiceOptions extends Partial<Omit<ClientOptions, 'url'>> {
  maxReconnectAttempts?: number; // 10
  initialReconnectDelay?: number; // 1000
  maxReconnectDelay?: number; // 30000
  reconnectBackoffFactor?: number; // 1.5
  heartbeatInterval?: number; // 30000
  heartbeatTimeout?: number; // 5000
}

export type ServiceState =
  | 'disconnected' | 'connecting' | 'connected' | 'reconnecting' | 'waiting_for_network' | 'error' | 'failed';
export type MessageHandler = (message: any) => void;
export type StateHandler = (state: ServiceState, reason: Reason) => void;

function serviceState(state: State): ServiceState {
  return state === 'CLOSED' ? 'disconnected' : (state.toLowerCase() as ServiceState);
}

const ALIASES = {
  maxReconnectAttempts: 'maxRetries',
  initialReconnectDelay: 'initialDelayMs',
  maxReconnectDelay: 'maxDelayMs',
  reconnectBackoffFactor: 'multiplier',
  heartbeatInterval: 'heartbeatIntervalMs',
  heartbeatTimeout: 'heartbeatTimeoutMs',
} as const;

function clientOptions(url: ClientOptions['url'], given: ServiceOptions): ClientOptions {
  const options: ClientOptions = { ...renamed(given, ALIASES), url };
  options.maxDelayMs ??= Math.max(30000, options.initialDelayMs ?? 0);
  options.heartbeat ??= 'timestamp';
  options.heartbeatTimeoutMs ??= Math.min(5000, options.heartbeatIntervalMs ?? 5000);
  return options;
}

function withParams(url: string | URL, params: Record<string, unknown>): string {
  const whole = String(url);
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) if (value !== undefined && value !== null) query.append(name, String(value));
  const added = query.toString();
  return added ? `${whole}${whole.includes('?') ? '&' : '?'}${added}` : whole;
}

/** How a connect() ends: once. */
interface Waiting {
  resolve(): void;
  reject(error: Error): void;
}

export default class EnhancedWebSocketService {
  readonly #options: ServiceOptions;
  readonly #messages = new Map<string, Set<{ handler: MessageHandler }>>();
  readonly #states = new Set<{ handler: StateHandler }>();
  #client: Client | undefined;
  #url = '';
  #state: ServiceState = 'disconnected';
  #waiting: Waiting[] = [];
  #isDestroyed = false;

  /** @throws RangeError naming an option that is out of range. */
  constructor(options: ServiceOptions = {}) {
    settle(clientOptions('ws://localhost', options));
    this.#options = options;
  }

  /**
   * Connects to `url` with `params` as its query. Resolves at the first CONNECTED; rejects at ERROR,
   * FAILED and disconnect(). While it retries, it waits. A call with another address ends the
   * conversation there first; what was queued for it is dropped. The promise is the caller's to
   * catch: one that is dropped and rejects is an unhandled rejection.
   */
  connect(url: string | URL, params: Record<string, unknown> = {}): Promise<void> {
    if (this.#isDestroyed) return Promise.reject(new Error('EnhancedWebSocketService: destroyed'));
    const address = withParams(url, params);
    return new Promise((resolve, reject) => {
      if (!this.#client || address !== this.#url) this.#renew(address);
      if (this.#client!.isOpen) return resolve();
      this.#waiting.push({ resolve, reject });
      this.#client!.connect();
    });
  }

  /** Calls `handler` for each message whose `type` is this; `'*'`: for all. The result removes it. */
  onMessage(type: string, handler: MessageHandler): () => void {
    this.#refuseDestroyed();
    const entry = { handler };
    const all = this.#messages.get(type) ?? new Set();
    this.#messages.set(type, all.add(entry));
    return () => {
      all.delete(entry);
      if (!all.size && this.#messages.get(type) === all) this.#messages.delete(type);
    };
  }

  /** Calls `handler` at each change. The result removes it. */
  onConnectionState(handler: StateHandler): () => void {
    this.#refuseDestroyed();
    const entry = { handler };
    this.#states.add(entry);
    return () => void this.#states.delete(entry);
  }

  /**
   * Sends `message` as JSON (a string as it is). While there is no link it is queued, unless
   * `queueIfDisconnected` is false. False: it was not taken.
   */
  send(message: unknown, queueIfDisconnected = true): boolean {
    this.#refuseDestroyed();
    const data = typeof message === 'string' ? message : JSON.stringify(message);
    return !!this.#client?.send(data, { now: !queueIfDisconnected });
  }

  /** Closes with 1000; what is queued is dropped. connect() starts again. */
  disconnect(): void {
    this.#end(new Error('EnhancedWebSocketService: disconnected'));
    this.#client?.disconnect();
  }

  /** Ends it for good: handlers are forgotten; later calls fail, but for those that ask or end. */
  destroy(): void {
    if (this.#isDestroyed) return;
    this.#isDestroyed = true;
    this.#end(new Error('EnhancedWebSocketService: destroyed'));
    this.#client?.disconnect();
    this.#messages.clear();
    this.#states.clear();
  }

  getState(): ServiceState {
    return this.#client ? serviceState(this.#client.state) : 'disconnected';
  }

  /** The client's metrics; null before the first connect(). */
  getMetrics(): Metrics | null {
    return this.#client?.metrics() ?? null;
  }

  #refuseDestroyed(): void {
    if (this.#isDestroyed) throw new Error('EnhancedWebSocketService: destroyed');
  }

  #renew(address: string): void {
    const client = new Client(clientOptions(address, this.#options));
    this.#end(new Error('EnhancedWebSocketService: another connect() took its place'));
    this.#client?.disconnect();
    this.#client = client;
    this.#url = address;
    client.listen({
      message: (data) => client === this.#client && this.#received(data),
      state: (to, _from, reason) => client === this.#client && this.#stateChanged(serviceState(to), reason, client.lastError),
    });
  }

  #received(data: unknown): void {
    const message = parseMessage(data); // what is no JSON is for '*' alone
    for (const type of new Set([message?.type, '*']))
      for (const entry of [...(this.#messages.get(type) ?? [])])
        if (this.#messages.get(type)?.has(entry)) guarded(() => entry.handler(message));
  }

  #stateChanged(state: ServiceState, reason: Reason, error: LimpetError | null): void {
    /* before the handlers: a connect() of theirs is about what comes next */
    if (state === 'connected') this.#end();
    else if (state === 'error' || state === 'failed') this.#end(error ?? new Error('Connection error'));
    if (state === this.#state) return;
    this.#state = state;
    for (const entry of [...this.#states]) if (this.#states.has(entry)) guarded(() => entry.handler(state, reason));
  }

  #end(error?: Error): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { resolve, reject } of waiting) error ? reject(error) : resolve();
  }
}
