/**
 * Delivers one message at a time, in order, while this tab is the owner. Two kinds of waiting: `hold` stops all (network, server or login), `lanes` one conversation each.
 * Nothing here is kept on disk: after a reload the first attempt is made at once.
 */
import { type Backoff, backoffDelay, delayWithHint } from './backoff';
import { type Outcome, deliver } from './delivery';
import { OfflineQueueError, storageError } from './error';
import type { Outbox } from './outbox';
import type { FailedMessage, OfflineQueueOptions, PendingMessage } from './types';

/** How long at rest: a tab that ends between its commit and its notice tells nobody. */
const REST_MS = 60_000;

export type SenderOptions = OfflineQueueOptions & Backoff & { timeoutMs: number; random: () => number };

export interface SenderReports {
  /** May be answered no at any time: a lease can run out between two messages. */
  isOwner(): boolean;
  sending(id: string | null): void;
  delivered(message: PendingMessage): void;
  failed(message: FailedMessage): void;
  trouble(error: OfflineQueueError): void;
}

interface Hold {
  attempt: number;
  /** Of performance.now(). */
  untilMs: number;
  /** By the server's Retry-After: `wake` does not shorten it. */
  isTold: boolean;
}

const free = (): Hold => ({ attempt: 0, untilMs: 0, isTold: false });
const nowMs = () => performance.now();

export class Sender {
  #hold = free();
  readonly #lanes = new Map<string, Hold>();
  /** The conversation whose attempt made all wait: the next attempt is another one's, so that it cannot hold them for ever. */
  #avoided: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #attempt: AbortController | undefined;
  #isRunning = false;
  #isLooping = false;
  #looksAgain = false;

  readonly #outbox: Outbox;
  readonly #options: SenderOptions;
  readonly #reports: SenderReports;

  constructor(outbox: Outbox, options: SenderOptions, reports: SenderReports) {
    this.#outbox = outbox;
    this.#options = options;
    this.#reports = reports;
  }

  start(): void {
    this.#isRunning = true;
    this.look();
  }

  /** What is under way is given up; the server may have it already, and drops it when it comes again. */
  stop(): void {
    this.#isRunning = false;
    clearTimeout(this.#timer);
    this.#attempt?.abort();
  }

  /** "Try now": waits end, but those that the server asked for. */
  wake(): void {
    for (const hold of [this.#hold, ...this.#lanes.values()]) if (!hold.isTold) hold.untilMs = 0;
    this.look();
  }

  /** There may be something to do. */
  look(): void {
    this.#looksAgain = true;
    if (this.#isRunning && !this.#isLooping) void this.#loop();
  }

  async #loop(): Promise<void> {
    this.#isLooping = true;
    clearTimeout(this.#timer);
    while (this.#isRunning && this.#looksAgain) {
      this.#looksAgain = false;
      await this.#step().catch((error) => this.#storageFailed(error));
    }
    this.#isLooping = false;
  }

  async #step(): Promise<void> {
    if (isHolding(this.#hold)) return this.#waitUntil(this.#hold.untilMs);
    const message = await this.#next();
    if (!this.#isRunning || !this.#reports.isOwner()) return;
    if (!message) return this.#rest();
    this.#looksAgain = true;
    await this.#send(message);
  }

  async #next(): Promise<PendingMessage | undefined> {
    const isHeld = (lane: string) => isHolding(this.#lanes.get(lane));
    const other = this.#avoided && (await this.#outbox.next((lane) => lane === this.#avoided || isHeld(lane), true));
    return other || this.#outbox.next(isHeld, this.#lanes.size > 0);
  }

  #waitUntil(untilMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.look(), Math.max(0, untilMs - nowMs()) + 1);
  }

  /** Nothing can go now: until the first conversation's wait is over, or somebody calls, or might have. */
  #rest(): void {
    const waits = [...this.#lanes.values()].filter(isHolding).map((hold) => hold.untilMs);
    if (!waits.length) this.#lanes.clear();
    this.#waitUntil(waits.reduce((a, b) => Math.min(a, b), nowMs() + REST_MS));
  }

  async #send(message: PendingMessage): Promise<void> {
    const attempt = (this.#attempt = new AbortController());
    this.#reports.sending(message.id);
    const outcome = await this.#bounded(message, attempt);
    if (outcome) await this.#settle(message, outcome);
    this.#reports.sending(null);
  }

  /** Undefined: given up. A `send` or a token function that never ends must not hold the outbox for ever. */
  async #bounded(message: PendingMessage, attempt: AbortController): Promise<Outcome | undefined> {
    const { timeoutMs } = this.#options;
    let late: Outcome | undefined;
    const timer = setTimeout(() => {
      late = { end: 'stuck', reason: `No answer within ${timeoutMs} ms`, status: 0, retryAfterMs: 0 };
      attempt.abort();
    }, timeoutMs);
    const aborted = new Promise<undefined>((resolve) => attempt.signal.addEventListener('abort', () => resolve(undefined)));
    const outcome = await Promise.race([aborted, deliver(this.#options, message, attempt.signal)]);
    clearTimeout(timer);
    return attempt.signal.aborted ? late : outcome;
  }

  async #settle(message: PendingMessage, outcome: Outcome): Promise<void> {
    this.#wait(message.conversationId, outcome);
    if (outcome.end !== 'done') this.#reports.trouble(new OfflineQueueError('delivery', outcome.reason));
    await this.#store(message, outcome);
  }

  #wait(lane: string, outcome: Outcome): void {
    const isStuck = outcome.end === 'stuck';
    this.#hold = isStuck ? this.#longer(this.#hold, outcome) : free();
    this.#avoided = isStuck ? lane : undefined;
    if (outcome.end === 'held') this.#lanes.set(lane, this.#longer(this.#lanes.get(lane) ?? free(), outcome));
    else if (!isStuck) this.#lanes.delete(lane);
  }

  async #store(message: PendingMessage, outcome: Outcome): Promise<void> {
    if (outcome.end === 'done') {
      await this.#outbox.remove(message.id);
      this.#reports.delivered(message);
    } else if (outcome.end === 'failed') {
      const failed = await this.#outbox.fail(message.id, outcome.reason, outcome.status);
      if (failed) this.#reports.failed(failed);
    }
  }

  #longer({ attempt }: Hold, { retryAfterMs }: { retryAfterMs: number }): Hold {
    const options = this.#options;
    const delay = backoffDelay(options, attempt, options.random());
    const delayMs = retryAfterMs ? delayWithHint(options, delay, retryAfterMs, options.random()) : delay;
    return { attempt: attempt + 1, untilMs: nowMs() + delayMs, isTold: retryAfterMs > 0 };
  }

  /** Also after a delivery that could not be noted down: it is sent again later, and the server drops it. */
  #storageFailed(error: unknown): void {
    this.#hold = this.#longer(this.#hold, { retryAfterMs: 0 });
    this.#looksAgain = true;
    this.#reports.sending(null);
    this.#reports.trouble(storageError(error));
  }
}

function isHolding(hold: Hold | undefined): boolean {
  return hold !== undefined && hold.untilMs > nowMs();
}
