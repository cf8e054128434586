/**
 * A WebSocket whose other end is the test: it opens, answers and closes when told, or by itself
 * (`FakeSocket.auto`). The class keeps a list of all that were made.
 */
import { afterEach, beforeEach, vi } from 'vitest';

type Handler = ((event: never) => void) | null;

export class FakeSocket {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  static all: FakeSocket[] = [];
  /** What a new one does by itself, in a microtask. */
  static auto: 'nothing' | 'open' | 'refuse' | ((socket: FakeSocket) => void) = 'nothing';

  static get last(): FakeSocket {
    return FakeSocket.all[FakeSocket.all.length - 1]!;
  }

  /** As new, for the next test. */
  static reset(): void {
    FakeSocket.all = [];
    FakeSocket.auto = 'nothing';
  }

  readonly CONNECTING = 0;
  readonly OPEN = 1;
  readonly CLOSING = 2;
  readonly CLOSED = 3;
  readyState = 0;
  bufferedAmount = 0;
  /** false: what is sent stays in the buffer until flush(). */
  flushes = true;
  /** true: close() is answered at once, as a live peer does. */
  answersClose = true;
  binaryType: BinaryType = 'blob';
  protocol = '';
  extensions = '';
  onopen: Handler = null;
  onmessage: Handler = null;
  onerror: Handler = null;
  onclose: Handler = null;
  /** What was sent through it. */
  sent: unknown[] = [];
  /** The close code that it was closed with, if it was. */
  closedWith: number | undefined;
  isClosed = false;

  constructor(readonly url: string, readonly protocols?: string | string[]) {
    FakeSocket.all.push(this);
    const { auto } = FakeSocket;
    queueMicrotask(() => {
      if (auto === 'open') this.open();
      else if (auto === 'refuse') this.end(1006);
      else if (auto !== 'nothing') auto(this);
    });
  }

  /** The texts sent, parsed. */
  get messages(): unknown[] {
    return this.sent.map((data) => JSON.parse(data as string));
  }

  send(data: unknown): void {
    if (this.readyState === 0) throw new DOMException('still connecting', 'InvalidStateError');
    if (this.readyState !== 1) return;
    this.sent.push(data);
    if (!this.flushes) this.bufferedAmount += typeof data === 'string' ? Buffer.byteLength(data) : (data as ArrayBuffer).byteLength;
  }

  close(code?: number): void {
    if (this.readyState > 1) return;
    this.readyState = 2;
    this.isClosed = true;
    this.closedWith = code;
    if (this.answersClose) queueMicrotask(() => this.end(code ?? 1005));
  }

  // ---- what the test does as the other end ----

  open(): void {
    if (this.readyState !== 0) return;
    this.readyState = 1;
    (this.onopen as ((event: Event) => void) | null)?.(new Event('open'));
  }

  /** Also while it is closing: what was on its way comes. */
  receive(data: unknown): void {
    if (this.readyState !== 1 && this.readyState !== 2) return;
    (this.onmessage as ((event: MessageEvent) => void) | null)?.(new MessageEvent('message', { data }));
  }

  receiveJson(value: unknown): void {
    this.receive(JSON.stringify(value));
  }

  flush(): void {
    this.bufferedAmount = 0;
  }

  /** The link ends: 1006 is a cut or a refusal. */
  end(code = 1006, reason = ''): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    (this.onerror as ((event: Event) => void) | null)?.(new Event('error'));
    const event = Object.assign(new Event('close'), { code, reason, wasClean: code !== 1006 });
    (this.onclose as ((event: Event) => void) | null)?.(event);
  }
}

/** The class as the type that `ClientOptions.WebSocket` wants. */
export const FakeWebSocket = FakeSocket as unknown as typeof WebSocket;

/** Fake timers, with performance.now() and Date under the same hand. */
export function fakeTime(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'] });
}

export const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

/** Around each test: no socket yet, fake time; after it all that it put into the result is ended, and every timer has rung. */
export function eachAnew<T>(end: (made: T) => void): T[] {
  const made: T[] = [];
  beforeEach(() => {
    FakeSocket.reset();
    fakeTime();
  });
  afterEach(async () => {
    made.splice(0).forEach(end);
    await pass(70000);
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });
  return made;
}
