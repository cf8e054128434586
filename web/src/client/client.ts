/**
 * The one client: carries the browser's events into the session and its actions out. What to do is
 * decided by the engine (src/session), here is only how.
 */
import { getEngine, type Input } from '../engine/engine';
import { guarded } from '../guarded';
import { bury } from './grave';
import { Link, socketUrl } from './link';
import { isLoopback, seemsOffline, unwatch, watch } from './network';
import { CONFIRMS, HEARTBEATS, JITTERS, settle, type Settings } from './options';
import { ask, isPromise, type Asked } from './provided';
import { redact } from './redact';
import { announce } from './registry';
import { checkData, copyOf, sizeOf } from './size';
import { moment, nowMs, timer, type Timer } from './time';
import type {
  ClientEvents, ClientLike, ClientOptions, Data, LimpetError, Metrics, Reason, SendOptions, State,
} from './types';
import {
  CLOSED_BY_PEER, CONNECTION_LOST, CONNECT_TIMEOUT, DROPS, FATES, GAVE_UP, INVALID_ARGUMENT, METRICS, PROVIDER, REASONS, REDIAL, STATES, VERDICTS, makeError,
  type Count,
} from './words';

/* A message that the session holds, or that spilled over. */
type Held = [id: number, data: Data, size: number, ttlMs: number];

/** In the order of enum session_action_kind (src/session/session.h). */
const enum Action { NONE, DIAL, ABORT, LATE, CLOSE, ASK, WRITE, STATE, ERROR, RETRY, OPENED, ENDED, FATE }

const HIGH_WATER = 1048576;
const FLUSH_POLL_MS = 50;
/** Later than this, a timer lets the event queue go first: a pong may be waiting in it. */
const LATE_MS = 20;
const HEARTBEAT_REPLY_MAX = 512;

export class Client implements ClientLike {
  state: State = 'CLOSED';
  reason: Reason = 'none';
  lastError: LimpetError | null = null;
  /** All messages that the session holds, by their address. */
  readonly #messages = new Map<number, Held>();
  readonly #listeners = new Set<readonly [ClientEvents]>();
  readonly #options: Settings;
  readonly #engine = getEngine();
  /** The session's address in the engine. */
  readonly #at: number;
  #out = new Uint32Array(0);
  #epoch = 0;
  #link: Link | undefined;
  #url = '';
  #detail = '';
  #farewell: [number, string] = [1000, ''];
  #lastId = 0;
  #heldBytes = 0;
  #messagesIn = 0;
  #bytesIn = 0;
  /** Sent in this turn on an open link whose queue was full: what comes behind it waits here too. */
  readonly #spilled: Held[] = [];
  readonly #inputs: [Input, ...number[]][] = [];
  #isDraining = false;
  #openEvent: Event | undefined;
  #closeEvent: CloseEvent | undefined;
  #due = Infinity;
  #timer: Timer;
  #yieldTimer: Timer;
  #dialTimer: Timer;
  #flushTimer: Timer;
  #safetyTimer: Timer;

  /** @throws RangeError naming an option that is out of range. */
  constructor(options: ClientOptions) {
    const o = (this.#options = settle(options));
    const engine = this.#engine;
    this.#at = engine.$client();
    if (!this.#at) throw new Error('limpet: out of memory');
    engine.$init(
      this.#at, Math.floor((o.random ?? Math.random)() * 2 ** 53), Math.min(o.maxRetries, 0xffffffff), o.initialDelayMs,
      o.maxDelayMs, o.multiplier, JITTERS.indexOf(o.jitter), o.stableAfterMs, +o.reconnectOnNormalClose,
      HEARTBEATS.indexOf(o.heartbeat) + 1, o.heartbeatIntervalMs, o.heartbeatTimeoutMs, o.probeTimeoutMs, o.closeTimeoutMs,
      o.holdUntilReady ? o.readyTimeoutMs : 0, CONFIRMS.indexOf(o.confirm), o.queueLimit, o.queueLimitBytes, 1,
    );
    bury(engine, this, this.#at, this.#messages);
    announce(this);
  }

  get url(): string {
    const { url } = this.#options;
    return this.#url || (typeof url === 'function' ? '' : String(url));
  }

  /** The present WebSocket, while there is one. */
  get socket(): WebSocket | undefined {
    return this.#link?.socket;
  }

  get binaryType(): BinaryType {
    return this.#options.binaryType ?? 'blob';
  }

  set binaryType(type: BinaryType) {
    this.#options.binaryType = type;
    if (this.#link) this.#link.socket.binaryType = type;
  }

  /** Bytes that wait: in the queue, or in the browser's buffer. */
  get bufferedAmount(): number {
    const queued = this.#spilled.reduce((sum, [, , size]) => sum + size, this.metrics().queuedBytes);
    return Math.max(queued, this.#link?.socket.bufferedAmount ?? 0);
  }

  /** Messages may go at once. Of a link that a callback has dropped the engine is told only behind it. */
  get isOpen(): boolean {
    return !this.isEnding && !!this.#link && !!this.#engine.$isOpen(this.#at);
  }

  /** A disconnect is under way: until CLOSED is told. */
  get isEnding(): boolean {
    return !!this.#engine.$isEnding(this.#at) || this.#inputs.some(([input]) => input === this.#engine.$disconnect);
  }

  connect(): void {
    /* at rest nothing was watched; an address that is asked for is known with the first dial alone */
    if (/CLOSED|ERROR/.test(this.state)) this.#networkIs(!(this.url && this.#minds() && seemsOffline()));
    this.retryNow();
  }

  retryNow(): void {
    this.#input(this.#engine.$connect);
  }

  /** The code and reason go to the peer: 1000 or 3000-4999. CLOSED is the last report. */
  disconnect(code = 1000, reason = ''): void {
    this.#farewell = [code, reason];
    this.#input(this.#engine.$disconnect);
  }

  /** Another link in place of the present one, or `connect()` where there is none; the queue stays. */
  reconnect(): void {
    if (this.isOpen) this.#redial(this.#epoch);
    else this.connect();
  }

  /* At once, in a callback too: what is sent behind it is not meant. */
  clear(): void {
    this.#give(this.#engine.$clear);
    this.#drain();
  }

  ready(): void {
    this.#input(this.#engine.$ready);
  }

  healthy(): void {
    this.#input(this.#engine.$healthy);
  }

  probe(): void {
    this.#input(this.#engine.$probe);
  }

  listen(events: ClientEvents): () => void {
    const own = [events] as const;
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  send(data: Data, { now: isNow = false, ttlMs }: SendOptions = {}): number {
    checkData(data);
    if (this.#isDraining && this.isEnding) return 0; // a disconnect of this callback's, still to be given
    const held: Held = [++this.#lastId, data, sizeOf(data), ttlMs ?? NaN];
    let m = 0;
    const isTaken = isNow ? this.#sendNow(held) : this.#spills(held) || (m = this.#enqueue(held));
    if (!isTaken) {
      this.#lastId--; // nobody has heard of it
      return 0;
    }
    this.#drain();
    if (this.#messages.get(m) === held) held[1] = copyOf(data);
    return held[0];
  }

  metrics(): Metrics {
    const now = nowMs();
    const engine = this.#engine;
    if (this.#flushTimer) this.#pollFlush();
    const retryAt = engine.$retryAt(this.#at);
    engine.$received(this.#at, this.#messagesIn, this.#bytesIn);
    this.#messagesIn = this.#bytesIn = 0;
    engine.$metrics(this.#at, now);
    const out = new Float64Array(engine.memory.buffer, engine.$results());
    const counts = Object.fromEntries(METRICS.map((name, i) => [name, out[i]]));
    return {
      ...(counts as Pick<Metrics, Count>),
      state: this.state,
      connected: this.isOpen,
      url: redact(this.url),
      attempt: engine.$attempt(this.#at),
      maxRetries: this.#options.maxRetries,
      nextRetryAt: retryAt < 0 ? null : Date.now() + retryAt - now,
      reason: this.reason,
      lastError: this.lastError,
    };
  }

  // ---- inputs and actions ----

  /* A callback may call anything: what it wants comes after what has begun. */
  #input(input: Input, ...args: number[]): void {
    this.#inputs.push([input, ...args]);
    this.#drain();
  }

  #results(): Uint32Array {
    const { buffer } = this.#engine.memory; // another one when the memory has grown
    if (this.#out.buffer !== buffer) this.#out = new Uint32Array(buffer, this.#engine.$results());
    return this.#out;
  }

  #drain(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    let input: [Input, ...number[]] | undefined;
    do {
      if (input) this.#give(...input);
      this.#takeActions();
      this.#passSpilled();
    } while ((input = this.#inputs.shift()));
    this.#isDraining = false;
    this.#settle();
  }

  #give(input: Input, ...args: number[]): void {
    input(this.#at, nowMs(), ...args);
  }

  #takeActions(): void {
    let kind;
    while ((kind = this.#engine.$next(this.#at, nowMs()))) {
      const o = this.#results(); // as numbers: a callback's inputs write over it
      this.#act(kind, o[1]!, o[2]!, o[3]!, o[4]!, o[5]!);
    }
  }

  #act(kind: number, epoch: number, a: number, b: number, c: number, d: number): void {
    if (kind === Action.DIAL) this.#dial(epoch);
    else if (kind === Action.ABORT) this.#drop();
    else if (kind === Action.LATE) this.#lose(epoch, a & 255, b, (a & 255) === CONNECTION_LOST ? 'not ready in time' : 'no answer in time');
    else if (kind === Action.CLOSE) this.#close();
    else if (kind === Action.ASK) this.#ask(epoch);
    else if (kind === Action.WRITE) this.#writeHeld(epoch, a);
    else if (kind === Action.STATE) this.#stateChanged(STATES[a]!, STATES[b]!, REASONS[c]!);
    else if (kind === Action.ERROR) this.#failed(makeError(a & 255, b, (a & 255) !== GAVE_UP && (a & 256) > 0, this.#detail));
    else if (kind === Action.RETRY) this.#retrying(a, b, c);
    else if (kind === Action.OPENED) this.#opened();
    else if (kind === Action.ENDED) this.#tell('close', this.#closeEvent);
    else this.#fate(a, b, c, d & 1);
  }

  #tell<Name extends keyof ClientEvents>(name: Name, ...args: Parameters<NonNullable<ClientEvents[Name]>>): void {
    for (const own of [...this.#listeners]) {
      const [events] = own;
      if (events[name] && this.#listeners.has(own)) guarded(() => (events[name] as (...all: unknown[]) => void)(...args));
    }
  }

  #log(text: string): void {
    const { logger, debug } = this.#options;
    const line = `[WebSocket] ${text}`;
    if (logger) guarded(() => logger(line));
    if (debug) console.log(line);
  }

  #stateChanged(from: State, to: State, reason: Reason): void {
    this.state = to;
    this.reason = reason;
    this.#watch();
    this.#log(`State: ${from} → ${to}`);
    this.#tell('state', to, from, reason);
  }

  #failed(error: LimpetError): void {
    this.lastError = error;
    this.#log(error.detail ? `${error.message}: ${error.detail}` : error.message);
    this.#tell('error', error);
  }

  #retrying(attempt: number, most: number, delayMs: number): void {
    const { maxRetries } = this.#options;
    this.#log(`Reconnect attempt ${attempt}${maxRetries < Infinity ? `/${most}` : ''} in ${delayMs}ms`);
    this.#tell('retry', attempt, maxRetries, delayMs);
  }

  #opened(): void {
    this.#log('Connected');
    this.#tell('open', this.#openEvent!);
  }

  #fate(m: number, fate: number, drop: number, isFinal: number): void {
    const [id, , size] = this.#messages.get(m)!;
    if (isFinal) {
      this.#heldBytes -= size;
      this.#messages.delete(m);
      this.#engine.$freeMessage(m);
    }
    this.#tell('fate', id, FATES[fate]!, DROPS[drop]!);
  }

  // ---- time and the page ----

  /* Once nothing is left to do: the timer for what is due next. */
  #settle(): void {
    const deadline = this.#engine.$deadline(this.#at);
    const due = deadline < 0 ? Infinity : deadline;
    if (due === this.#due && this.#timer) return;
    this.#due = due;
    clearTimeout(this.#timer);
    this.#timer = due < Infinity ? timer(due - nowMs(), () => this.#rang()) : undefined;
  }

  #rang(): void {
    this.#timer = undefined;
    const lateMs = nowMs() - this.#due;
    if (lateMs > LATE_MS) this.#yield();
    else if (lateMs >= 0) this.#input(this.#engine.$tick);
    else this.#settle();
  }

  #yield(): void {
    this.#yieldTimer ??= setTimeout(() => {
      this.#yieldTimer = undefined;
      this.#input(this.#engine.$tick);
    }, 0);
  }

  #minds(): boolean {
    return this.#options.networkWatch && !isLoopback(this.url);
  }

  #watch(): void {
    const isAtRest = /CLOSED|ERROR/.test(this.state);
    if (this.#options.networkWatch) (isAtRest ? unwatch : watch)(this);
    clearTimeout(this.#safetyTimer);
    /* the event of the network's return may be missed */
    if (this.state === 'WAITING_FOR_NETWORK') this.#safetyTimer = timer(this.#options.maxDelayMs, () => this.retryNow());
  }

  #networkIs(isUp: boolean): void {
    this.#input(isUp ? this.#engine.$up : this.#engine.$down);
  }

  /** @internal The page's network watch calls it. */
  networkChanged(isUp: boolean): void {
    if (!this.#minds()) return;
    this.#networkIs(isUp);
    this.probe();
  }

  /** @internal The page's network watch calls it. */
  shown(): void {
    if (this.state === 'FAILED') this.#networkIs(false);
    this.#networkIs(true);
    this.probe();
    if (nowMs() >= this.#due) this.#yield();
  }

  // ---- the link ----

  #dial(epoch: number): void {
    this.#drop();
    this.#epoch = epoch;
    const { url, protocols, token, providerTimeoutMs } = this.#options;
    const failed = (why: unknown) => this.#lose(epoch, PROVIDER, 0, String((why as Error)?.message ?? why));
    let asked: unknown[];
    try {
      asked = [url, protocols, token].map(ask);
    } catch (error) {
      return failed(error);
    }
    if (!asked.some(isPromise)) return this.#open(epoch, asked as Asked);
    this.#dialTimer = timer(providerTimeoutMs, () => failed('no answer in time'));
    Promise.all(asked).then((all) => this.#open(epoch, all as Asked), failed);
  }

  #open(epoch: number, [url, protocols, token]: Asked): void {
    if (epoch !== this.#epoch) return;
    clearTimeout(this.#dialTimer);
    let socket: WebSocket;
    try {
      this.#url = socketUrl(url, token);
      const Socket = this.#options.WebSocket ?? globalThis.WebSocket;
      socket = protocols?.length ? new Socket(this.#url, protocols) : new Socket(this.#url);
    } catch (error) {
      return this.#lose(epoch, INVALID_ARGUMENT, 0, redact(String((error as Error).message)), 1);
    }
    this.#dialTimer = timer(this.#options.connectTimeoutMs, () => this.#lose(epoch, CONNECT_TIMEOUT, 0, 'no connection in time'));
    this.#attach(epoch, socket);
  }

  #attach(epoch: number, socket: WebSocket): void {
    let isOpen = false;
    socket.binaryType = this.binaryType;
    this.#link = new Link(socket, {
      onopen: (event) => {
        isOpen = true;
        this.#linkOpened(epoch, event);
      },
      onmessage: (event) => this.#received(epoch, event),
      onclose: (event) => this.#linkClosed(epoch, event, isOpen),
    });
  }

  #linkOpened(epoch: number, event: Event): void {
    clearTimeout(this.#dialTimer);
    this.#openEvent = event;
    this.#closeEvent = undefined;
    this.#input(this.#engine.$opened, epoch);
    this.#networkIs(true); // the best proof there is
  }

  #linkClosed(epoch: number, event: CloseEvent | undefined, wasOpen: boolean): void {
    this.#closeEvent = event;
    const code = event?.code ?? 1006;
    if (code === 1005 || code === 1006) this.#lose(epoch, CONNECTION_LOST, 0, wasOpen ? 'connection lost' : 'could not connect');
    else this.#lose(epoch, CLOSED_BY_PEER, code, `${code} ${event?.reason ?? ''}`.trim());
  }

  #drop(): void {
    if (this.#flushTimer) this.#flush(); // the last look: what has left the buffer does not go again
    this.#epoch = 0;
    clearTimeout(this.#dialTimer);
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    this.#link?.drop();
    this.#link = undefined;
  }

  #lose(epoch: number, kind: number, code: number, detail: string, isFinal = 0): void {
    if (epoch !== this.#epoch) return;
    this.#drop();
    this.#detail = detail;
    if (this.#minds() && seemsOffline()) this.#networkIs(false);
    const verdict = this.#judge(kind, code, this.#engine.$verdict(this.#at, kind, code, isFinal));
    this.#input(this.#engine.$lost, epoch, kind, code, verdict);
  }

  #judge(kind: number, code: number, byDefault: number): number {
    let verdict = byDefault;
    if (this.#engine.$isEnding(this.#at)) return verdict; // it was asked for
    guarded(() => {
      const error = makeError(kind, code, byDefault < 2, this.#detail);
      const wanted = this.#options.policy?.(error, VERDICTS[byDefault]!);
      if (wanted) verdict = Math.max(0, VERDICTS.indexOf(wanted));
    });
    return verdict;
  }

  #close(): void {
    guarded(() => this.#link?.socket.close(...this.#farewell));
  }

  // ---- messages ----

  /* Where it is held; 0: it is not taken. */
  #enqueue(held: Held): number {
    const now = nowMs();
    const [, , size, ttlMs] = held;
    const m = this.#engine.$message(size, ttlMs >= 0 ? now + ttlMs : -1);
    if (!m) return 0;
    if (!this.#engine.$enqueue(this.#at, now, m)) {
      this.#engine.$freeMessage(m);
      return 0;
    }
    this.#messages.set(m, held);
    this.#heldBytes += size;
    return m;
  }

  /* While the link is open nothing is dropped because the queue is full: as with a `WebSocket` the
     browser keeps it, behind what waits, and `bufferedAmount` tells. */
  #spills(held: Held): boolean {
    const { confirm, queueLimitBytes } = this.#options;
    const fits = this.#heldBytes + held[2] <= queueLimitBytes && !this.#spilled.length;
    if (fits || confirm !== 'none' || !this.isOpen) return false;
    held[1] = copyOf(held[1]);
    this.#spilled.push(held);
    return true;
  }

  #passSpilled(): void {
    for (let held; (held = this.#spilled.shift()); ) {
      this.#passWaiting();
      if (this.isOpen && this.#engine.$isFlowing(this.#at)) this.#write(held);
      else if (!this.#enqueue(held)) this.#tell('fate', held[0], 'dropped', 'overflow');
      this.#takeActions();
    }
  }

  /* One message at a time, as each finds the browser's buffer above the mark. */
  #passWaiting(): void {
    for (let left = this.#messages.size; left >= 0 && this.isOpen; left--) {
      this.#engine.$writable(this.#at, this.#epoch, 1);
      if (this.#engine.$isFlowing(this.#at)) return;
      this.#takeActions();
    }
  }

  #sendNow(held: Held): boolean {
    const isOpen = this.isOpen && this.#link!.socket.bufferedAmount <= HIGH_WATER;
    if (isOpen) this.#write(held);
    return isOpen;
  }

  #write([id, data, size]: Held): void {
    this.#put(this.#link!, data, size);
    this.#engine.$sent(this.#at, 1, size);
    this.#flush();
    this.#tell('fate', id, 'written', 'none');
  }

  #put(link: Link, data: Data, size: number): void {
    try {
      link.write(data as string, size);
    } catch {
      /* it has just ended: its close event is on the way */
    }
  }

  #writeHeld(epoch: number, m: number): void {
    const link = this.#link;
    if (!link) return; // dropped by a callback: its loss, told next, takes the message back
    const [, data, size] = this.#messages.get(m)!;
    this.#put(link, data, size);
    this.#engine.$sent(this.#at, 1, size);
    this.#engine.$written(this.#at, nowMs(), epoch, m, link.sent);
    this.#flush();
  }

  /* Browsers do not say when their buffer moves: it is looked at while there is something in it. */
  #flush(): void {
    const link = this.#link;
    if (!link) return;
    this.#engine.$flushed(this.#at, nowMs(), this.#epoch, link.flushed);
    this.#engine.$writable(this.#at, this.#epoch, +(link.socket.bufferedAmount <= HIGH_WATER));
    if (link.socket.bufferedAmount > 0) this.#flushTimer ??= timer(FLUSH_POLL_MS, () => this.#pollFlush());
  }

  #pollFlush(): void {
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    this.#flush();
    this.#drain();
  }

  #ask(epoch: number): void {
    const link = this.#link;
    if (!link) return;
    const { heartbeat } = this.#options;
    if (heartbeat === 'off') return this.#redial(epoch);
    const text = heartbeat === 'ping' ? '{"type":"ping"}' : `{"type":"heartbeat","timestamp":${Date.now()}}`;
    const begin = link.sent;
    this.#put(link, text, text.length);
    this.#engine.$asked(this.#at, performance.now(), epoch, begin, link.sent);
    this.#flush();
  }

  /* Without a question there is no telling, and a new link costs less than a dead one. */
  #redial(epoch: number): void {
    if (epoch !== this.#epoch) return;
    this.#drop();
    this.#closeEvent = undefined;
    this.#detail = 'dialed anew';
    this.#input(this.#engine.$lost, epoch, CONNECTION_LOST, 0, REDIAL);
  }

  #received(epoch: number, event: MessageEvent): void {
    if (epoch !== this.#epoch) return;
    const { data } = event;
    this.#messagesIn++;
    this.#bytesIn += sizeOf(data);
    if (!this.#isReply(epoch, data)) this.#tell('message', data, event);
    if (nowMs() >= this.#due) this.#yield();
  }

  #isReply(epoch: number, data: unknown): boolean {
    const { heartbeat } = this.#options;
    const type = heartbeat === 'ping' ? 'pong' : 'heartbeat_response';
    if (heartbeat === 'off' || typeof data !== 'string' || data.length > HEARTBEAT_REPLY_MAX || !data.includes(type)) return false;
    try {
      const reply = JSON.parse(data);
      if (reply?.type !== type) return false;
      this.#engine.$reply(this.#at, performance.now(), epoch, moment(reply.timestamp), moment(reply.originalTimestamp));
    } catch {
      return false;
    }
    this.#drain();
    return true;
  }
}

