/** What everything of the package is built on: names and shapes, no code. */
export type State =
  | 'CLOSED' | 'CONNECTING' | 'CONNECTED' | 'DISCONNECTED' | 'RECONNECTING' | 'WAITING_FOR_NETWORK' | 'ERROR' | 'FAILED';
export type Reason =
  | 'none' | 'connect' | 'opened' | 'lost' | 'retry' | 'critical' | 'gave_up' | 'network_down' | 'network_up' | 'disconnect';
export type Fate = 'queued' | 'stored' | 'written' | 'confirmed' | 'dropped';
export type Drop = 'none' | 'overflow' | 'expired' | 'replaced' | 'disconnected' | 'cleared';
export type ErrorKind =
  | 'connect_timeout' | 'connection_lost' | 'heartbeat_timeout' | 'closed_by_peer' | 'gave_up' | 'invalid_argument'
  | 'not_connected' | 'queue_overflow' | 'provider';
export type Jitter = 'none' | 'equal' | 'full' | 'decorrelated';
export type Verdict = 'back_off' | 'retry_now' | 'give_up';
export type Data = string | ArrayBufferLike | Blob | ArrayBufferView;
/** A value, or what is asked for it. */
export type Provided<T> = T | (() => T | Promise<T>);

/** An error of a client: `message` is the sentence for people, `detail` is for logs, without secrets. */
export interface LimpetError extends Error {
  kind: ErrorKind;
  retryable: boolean;
  detail: string;
  closeCode: number;
}

export interface ClientOptions {
  /** Asked before every attempt when it is a function; may answer later (providerTimeoutMs). */
  url: Provided<string | URL>;
  protocols?: Provided<string | string[] | undefined>;
  /** Appended to the URL's query as `token`, unless it is null or undefined. Asked before every attempt. */
  token?: Provided<string | null | undefined>;
  maxRetries?: number; // 10; Infinity: for ever
  initialDelayMs?: number; // 1000
  maxDelayMs?: number; // 60000
  multiplier?: number; // 1.5
  jitter?: Jitter; // 'equal'
  stableAfterMs?: number; // 5000
  connectTimeoutMs?: number; // 10000
  closeTimeoutMs?: number; // 3000
  providerTimeoutMs?: number; // 10000
  heartbeat?: 'ping' | 'timestamp' | 'off'; // 'off'
  heartbeatIntervalMs?: number; // 30000
  heartbeatTimeoutMs?: number; // 10000
  probeTimeoutMs?: number; // 2000
  confirm?: 'none' | 'barrier'; // 'none'
  queueLimit?: number; // 100
  queueLimitBytes?: number; // 1 MiB
  holdUntilReady?: boolean; // false: ready() must be called on each link before the queue drains
  readyTimeoutMs?: number; // 10000
  reconnectOnNormalClose?: boolean; // true
  networkWatch?: boolean; // true
  binaryType?: BinaryType; // 'blob', as WebSocket
  /** Overrules the contract's verdict on a loss. */
  policy?: (error: LimpetError, byDefault: Verdict) => Verdict | undefined;
  /** The seeds' console lines go here; `debug: true` is console. */
  logger?: (line: string) => void;
  debug?: boolean;
  /** @internal What errors call an option that was given under another name. */
  names?: Record<string, string>;
  /** For tests: a WebSocket class instead of globalThis.WebSocket (which is looked up at each dial). */
  WebSocket?: new (url: string, protocols?: string | string[]) => WebSocket;
  /** For tests: uniform in [0, 1), seeds the jitter. */
  random?: () => number;
}

export interface ClientEvents {
  message?(data: unknown, event: MessageEvent): void;
  open?(event: Event): void;
  close?(event: CloseEvent | undefined): void;
  error?(error: LimpetError): void;
  state?(to: State, from: State, reason: Reason): void;
  retry?(attempt: number, maxRetries: number, delayMs: number): void;
  fate?(id: number, fate: Fate, drop: Drop): void;
}

export interface SendOptions {
  /** Refused (0) unless CONNECTED, never queued. */
  now?: boolean;
  /** Dropped (`expired`) if it still waits after this; without end unless it is 0 or more. */
  ttlMs?: number;
}

export interface Metrics {
  state: State;
  connected: boolean;
  reconnects: number;
  queuedMessages: number;
  connectionDurationMs: number;
  /** Query values and userinfo are `***`. */
  url: string;
  queuedBytes: number;
  messagesIn: number;
  messagesOut: number;
  bytesIn: number;
  bytesOut: number;
  dropped: number;
  downtimeMs: number;
  longestOutageMs: number;
  rttLastMs: number;
  rttMinMs: number;
  rttMeanMs: number;
  rttMaxMs: number;
  clockOffsetMs: number;
  attempt: number;
  maxRetries: number;
  /** Epoch milliseconds (Date.now()) of the next dial, null when none is planned. */
  nextRetryAt: number | null;
  reason: Reason;
  lastError: LimpetError | null;
}

/** The one client; `Client` in client.ts is it. The faces, the store and the widgets see this. */
export interface ClientLike {
  readonly state: State;
  readonly reason: Reason;
  readonly url: string; // whole
  readonly lastError: LimpetError | null;
  connect(): void;
  /** "Try now": dial at once, whatever it waits for. */
  retryNow(): void;
  disconnect(): void;
  /** Message's id (from 1), or 0: refused. */
  send(data: Data, options?: SendOptions): number;
  clear(): void;
  ready(): void;
  healthy(): void;
  probe(): void;
  metrics(): Metrics;
  /** Adds a set of listeners; the result removes them. */
  listen(events: ClientEvents): () => void;
}
