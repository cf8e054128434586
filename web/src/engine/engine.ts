import { makeWasmEngine } from './wasm';

/** The session's exports (engine/engine.c), the same from WebAssembly and from its JavaScript twin. Their names become letters in the build. */
export interface Engine {
  /** Growing replaces the buffer: make views after each call that may have allocated. */
  memory: { readonly buffer: ArrayBuffer };
  /** Where $metrics() leaves 16 doubles, and $next() its action as 32-bit words (engine.c says where). */
  $results(): number;
  /** A new client's address, for $init(); 0: the page has no memory left, nothing has changed. */
  $client(): number;
  $freeClient(c: number): void;
  /** A new message's address, for $enqueue(); expiresAtMs -1: never. 0: no memory left, as above. */
  $message(len: number, expiresAtMs: number): number;
  $freeMessage(m: number): void;
  $init(
    c: number, seed: number, maxRetries: number, initialDelayMs: number, maxDelayMs: number, multiplier: number,
    jitter: number, stableAfterMs: number, reconnectOnNormalClose: number, dialect: number,
    heartbeatIntervalMs: number, heartbeatTimeoutMs: number, probeTimeoutMs: number, closeTimeoutMs: number,
    readyTimeoutMs: number, confirm: number, queueLimit: number, queueLimitBytes: number, reportFates: number,
  ): void;
  $connect(c: number, nowMs: number): void;
  $disconnect(c: number, nowMs: number): void;
  $ready(c: number): void;
  $healthy(c: number): void;
  $probe(c: number, nowMs: number): void;
  $enqueue(c: number, nowMs: number, m: number): number;
  $clear(c: number): void;
  $opened(c: number, nowMs: number, epoch: number): void;
  $verdict(c: number, kind: number, closeCode: number, isFinal: number): number;
  $lost(c: number, nowMs: number, epoch: number, kind: number, closeCode: number, verdict: number): void;
  $asked(c: number, nowMs: number, epoch: number, begin: number, end: number): void;
  $written(c: number, nowMs: number, epoch: number, m: number, end: number): void;
  $flushed(c: number, nowMs: number, epoch: number, sent: number): void;
  $writable(c: number, epoch: number, writable: number): void;
  $reply(c: number, nowMs: number, epoch: number, serverMs: number, originalMs: number): number;
  $received(c: number, messages: number, bytes: number): void;
  $sent(c: number, messages: number, bytes: number): void;
  $down(c: number, nowMs: number): void;
  $up(c: number, nowMs: number): void;
  $tick(c: number, nowMs: number): void;
  $deadline(c: number): number;
  $retryAt(c: number): number;
  $attempt(c: number): number;
  $isOpen(c: number): number;
  /** Open, ready, writable, and nothing waits. */
  $isFlowing(c: number): number;
  /** A disconnect is under way. */
  $isEnding(c: number): number;
  $metrics(c: number, nowMs: number): void;
  $next(c: number, nowMs: number): number;
  $backoff(maxDelayMs: number, initialDelayMs: number, multiplier: number, jitter: number, attempt: number, unit: number): number;
}

/** One that takes the session and the moment first; some need no moment. */
export type Input = (c: number, nowMs: number, ...more: number[]) => void;

let engine: Engine | undefined;
let spare: (() => Engine) | undefined;

/** Another engine for the whole page, before the first client. */
export function setEngine(other: Engine): void {
  engine = other;
}

/** What makes the engine where WebAssembly is refused: `limpet/engine-js` calls it. */
export function setSpareEngine(maker: () => Engine): void {
  spare = maker;
}

/* By trying: WebAssembly.validate() says yes where the page's policy then throws. */
function make(): Engine {
  try {
    return makeWasmEngine();
  } catch (error) {
    if (spare) return spare();
    throw new Error(`WebAssembly refused: call useJsEngine() of limpet/engine-js first (${error})`);
  }
}

/**
 * The page's one engine, made at the first call.
 * @throws Error where WebAssembly is refused and no other engine was registered.
 */
export function getEngine(): Engine {
  return (engine ??= make());
}
