/** The outbox's shapes, no code. */
import type { Provided } from '../client/types';
import type { OfflineQueueError } from './error';

/** What the caller hands over. */
export interface OfflineMessage {
  /** 1-128 bytes of UTF-8. */
  conversationId: string;
  /** 1-128 bytes of UTF-8. */
  userId: string;
  plaintext: string;
  /** 1-128 bytes of UTF-8; default: a new UUID. The server drops a repeated id, so a caller's own id makes `enqueue` safe to repeat. */
  id?: string;
}

/** A message that waits. */
export interface PendingMessage extends OfflineMessage {
  id: string;
  /** Epoch milliseconds. */
  enqueuedAtMs: number;
}

/** A message that the server refused for good; it stays until `retry` or `discard`. */
export interface FailedMessage extends PendingMessage {
  /** A sentence for people: the server's own where it gave one. */
  reason: string;
  /** HTTP status, 0 when there was none. */
  status: number;
}

export interface OfflineSnapshot {
  /** How many messages wait, the one under way included. */
  pending: number;
  failed: number;
  /** Id of the message under way, in whichever tab, or null. */
  sending: string | null;
  /** Does this tab deliver? One tab of an origin does. */
  isOwner: boolean;
  /** The last trouble; null again after the next delivery. */
  lastError: OfflineQueueError | null;
}

export interface OfflineEvents {
  /** A message is in the database. In the tab that enqueued it. */
  stored?(message: PendingMessage): void;
  /** The server has answered for it. In the owner tab. */
  delivered?(message: PendingMessage): void;
  /** Refused for good. In the owner tab. */
  failed?(message: FailedMessage): void;
  /** Each new snapshot. */
  change?(snapshot: OfflineSnapshot): void;
}

export interface OfflineQueueOptions {
  /** Name of the database, the lock and the channel: queues of one name and origin are one outbox. Not with '-' in front. Default 'limpet-offline'. */
  name?: string;
  /** Address before `/conversations/...`; a function is asked before every attempt. Default '': the page's own origin. */
  base?: Provided<string>;
  /** Sent as `Authorization: Bearer`, unless there is none; a function is asked before every attempt, so it can renew what a 401 refused. */
  token?: Provided<string | null | undefined>;
  /**
   * Delivers instead of the POST. Resolve when the message has safely arrived. Reject with `retryable: false` to fail the message for good; with `status` to be judged
   * as the server's answer of that status; with anything else to have it tried again. `signal` ends the attempt.
   */
  send?: (message: PendingMessage, signal: AbortSignal) => Promise<void>;
  /** Messages, failed ones included; 1-1,000,000, default 10,000. */
  limit?: number;
  /** Bytes of UTF-8 of text and ids; 1 to 1 GiB, default 16 MiB. */
  limitBytes?: number;
  /** Backoff, as everywhere in Limpet, without an end. 1-3,600,000, default 1000. */
  initialDelayMs?: number;
  /** 1-86,400,000, default 60000. */
  maxDelayMs?: number;
  /** 1-100, default 1.5. */
  multiplier?: number;
  /** Default 'equal'. */
  jitter?: 'none' | 'equal' | 'full';
  /** One attempt; 1-3,600,000, default 30000. */
  timeoutMs?: number;
  events?: OfflineEvents;
  /** For tests: uniform in [0, 1), the jitter's source. */
  random?: () => number;
}
