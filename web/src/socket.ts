/**
 * `LimpetSocket`: stands wherever a `WebSocket` stands, and survives.
 */
import { renamed } from './client/aliases';
import { Client } from './client/client';
import type { ClientOptions, Data, LimpetError, State } from './client/types';
import { guarded } from './guarded';

/** Limpet's options, and those of `partysocket` and `reconnecting-websocket` by their names. */
export interface LimpetSocketOptions extends Omit<ClientOptions, 'url' | 'protocols'> {
  /** As `maxDelayMs`. */
  maxReconnectionDelay?: number;
  /** As `initialDelayMs`. */
  minReconnectionDelay?: number;
  /** As `multiplier`. */
  reconnectionDelayGrowFactor?: number;
  /** As `stableAfterMs`. */
  minUptime?: number;
  /** As `connectTimeoutMs`. */
  connectionTimeout?: number;
  /** As `queueLimit`; Infinity: 1,000,000. */
  maxEnqueuedMessages?: number;
  /** true: `reconnect()` makes the first dial, not the constructor. Default false. */
  startClosed?: boolean;
  /** As `logger`, while `debug` is on. */
  debugLogger?: (...line: unknown[]) => void;
}

const EVENTS = ['open', 'message', 'error', 'close'] as const;
type EventName = (typeof EVENTS)[number];
type Handler<Name extends EventName> = ((this: WebSocket, event: WebSocketEventMap[Name]) => unknown) | null;

const ALIASES = {
  maxReconnectionDelay: 'maxDelayMs',
  minReconnectionDelay: 'initialDelayMs',
  reconnectionDelayGrowFactor: 'multiplier',
  minUptime: 'stableAfterMs',
  connectionTimeout: 'connectTimeoutMs',
  maxEnqueuedMessages: 'queueLimit',
} as const;

function translate({ startClosed, debugLogger, ...given }: LimpetSocketOptions): Partial<ClientOptions> {
  const options = renamed(given, ALIASES) as Partial<ClientOptions> & Record<string, unknown>;
  for (const ours of Object.keys(options.names!)) {
    const value = options[ours] as number;
    if (ours !== 'multiplier') options[ours] = value === Infinity ? 1e6 : Math.round(value);
  }
  if (debugLogger && options.debug) Object.assign(options, { logger: debugLogger, debug: false });
  return options;
}

function closeEvent(from: CloseEvent | undefined): Event {
  const { code = 1006, reason = '', wasClean = false } = from ?? {};
  const init = { code, reason: String(reason), wasClean };
  return typeof CloseEvent === 'function' ? new CloseEvent('close', init) : Object.assign(new Event('close'), init);
}

export interface LimpetSocket {
  addEventListener<K extends keyof WebSocketEventMap>(
    type: K, listener: (this: WebSocket, event: WebSocketEventMap[K]) => unknown, options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<K extends keyof WebSocketEventMap>(
    type: K, listener: (this: WebSocket, event: WebSocketEventMap[K]) => unknown, options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | EventListenerOptions,
  ): void;
}

/**
 * A `WebSocket` that dials again when its link is lost. Differences to `WebSocket`: `open` comes
 * again after each reconnect and `close` at each loss; `send()` queues while not open (it never
 * throws for being early); `readyState` is CONNECTING while it waits or dials, CLOSED when it has
 * given up; `url` and `protocols` may be functions, asked at each dial. Default heartbeat: off.
 */
export class LimpetSocket extends EventTarget {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  readonly CONNECTING = 0;
  readonly OPEN = 1;
  readonly CLOSING = 2;
  readonly CLOSED = 3;
  onopen: Handler<'open'> = null;
  onmessage: Handler<'message'> = null;
  onerror: Handler<'error'> = null;
  onclose: Handler<'close'> = null;
  /** The client behind it: states, metrics, "try now". */
  readonly client: Client;
  /** As the events told it: CLOSED has had its `close` event, or has it next; CONNECTING and OPEN will have one. */
  #stage: 0 | 1 | 3 = 3;
  /** How the link ended of which `close` is to come with CLOSED. */
  #lastWord: CloseEvent | undefined;

  /**
   * Dials at once, unless `startClosed`.
   * @throws RangeError naming an option that is out of range; SyntaxError for an unusable URL or
   * subprotocol, as `WebSocket` does (one that comes later, from a promise, is an `error` event).
   */
  constructor(url: ClientOptions['url'], protocols?: ClientOptions['protocols'], options: LimpetSocketOptions = {}) {
    super();
    /* first in line, and listeners like any other: the event has its target, and what one throws is kept from the next */
    for (const name of EVENTS)
      this.addEventListener(name, (event) => guarded(() => (this[`on${name}`] as ((event: Event) => void) | null)?.call(this, event)));
    this.client = new Client({ ...translate(options), url, protocols });
    this.client.listen({
      open: () => this.#opened(),
      message: (data, { origin, lastEventId }) => this.dispatchEvent(new MessageEvent('message', { data, origin, lastEventId })),
      error: (error) => this.#failed(error),
      close: (event) => this.#ended(event),
      state: (to) => this.#stateChanged(to),
    });
    if (!options.startClosed) this.reconnect();
    /* nobody can listen yet */
    if (this.client.state === 'ERROR') throw new DOMException(this.client.lastError!.detail, 'SyntaxError');
  }

  get readyState(): 0 | 1 | 2 | 3 {
    return this.#stage < 3 && this.client.isEnding ? 2 : this.#stage;
  }

  get url(): string {
    return this.client.url;
  }

  get protocol(): string {
    return this.client.socket?.protocol ?? '';
  }

  get extensions(): string {
    return this.client.socket?.extensions ?? '';
  }

  /** Bytes, what waits in the queue included. */
  get bufferedAmount(): number {
    return this.client.bufferedAmount;
  }

  get binaryType(): BinaryType {
    return this.client.binaryType;
  }

  set binaryType(type: BinaryType) {
    if (type === 'blob' || type === 'arraybuffer') this.client.binaryType = type;
  }

  /** Retries since the last stable link. */
  get retryCount(): number {
    return this.client.metrics().attempt;
  }

  /** It is open, or will try to be. */
  get shouldReconnect(): boolean {
    return this.readyState < 2;
  }

  /**
   * Sends, or queues until the next link. While `close()` is under way it is silently dropped, as by `WebSocket`; after its `close`
   * event it waits for `reconnect()`.
   * @throws TypeError for what a WebSocket cannot carry; QuotaExceededError if it is larger than
   * the queue may be, or the browser's buffer is full.
   */
  send(data: Data): void {
    if (!this.client.send(data) && !this.client.isEnding) throw new DOMException('message too large to wait', 'QuotaExceededError');
  }

  /**
   * Closes for good (until `reconnect()`): nothing is dialed any more, what waits is dropped.
   * @throws InvalidAccessError for a code that is not 1000 or 3000-4999, SyntaxError for a reason
   * of more than 123 bytes.
   */
  close(code?: number, reason?: string): void {
    if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999))
      throw new DOMException(`close code ${code} is not 1000 or 3000-4999`, 'InvalidAccessError');
    if (reason && new TextEncoder().encode(reason).length > 123)
      throw new DOMException('close reason is longer than 123 bytes', 'SyntaxError');
    this.client.disconnect(code, reason);
  }

  /** Another link, or a dial at once where there is none; a dial that is under way goes on. What waits in the queue stays. */
  reconnect(): void {
    if (this.#stage === 3) this.#stage = 0;
    this.client.reconnect();
  }

  #opened(): void {
    this.#stage = 1;
    this.dispatchEvent(new Event('open'));
  }

  #failed(error: LimpetError): void {
    if (error.kind === 'gave_up') return;
    this.dispatchEvent(Object.assign(new Event('error'), { error, message: error.message }));
    if (this.#stage === 0) this.#ended(undefined);
  }

  /* It goes on by itself unless it was told to end: then `close` comes with CLOSED, behind which all may begin anew. */
  #ended(event: CloseEvent | undefined): void {
    if (this.client.isEnding) return void (this.#lastWord = event);
    this.#stage = 0;
    this.dispatchEvent(closeEvent(event));
  }

  #stateChanged(to: State): void {
    const owesClose = to === 'CLOSED' && this.#stage < 3;
    if (to === 'CLOSED' || (/ERROR|FAILED/.test(to) && !this.client.isEnding)) this.#stage = 3;
    else if (this.#stage === 3) this.#stage = 0;
    if (!owesClose) return;
    const event = closeEvent(this.#lastWord);
    this.#lastWord = undefined;
    queueMicrotask(() => this.dispatchEvent(event)); // whoever has just called close() may not listen yet
  }
}
