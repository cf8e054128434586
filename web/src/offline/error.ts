/**
 * - `full`: the outbox has reached `limit` or `limitBytes`; `quota`: the browser gives the origin no more room.
 * - `unavailable`: no database here (private mode, a server, blocked); `storage`: the database failed in use.
 * - `invalid`: a bad argument; `closed`: after `close()`; `delivery`: an attempt failed, in `lastError` only.
 */
export type OfflineErrorKind = 'full' | 'quota' | 'unavailable' | 'invalid' | 'closed' | 'storage' | 'delivery';

/** `message` is a sentence for people; `cause` is the browser's error, where there was one. */
export class OfflineQueueError extends Error {
  readonly kind: OfflineErrorKind;
  readonly cause?: unknown;

  constructor(kind: OfflineErrorKind, message: string, cause?: unknown) {
    super(message);
    this.name = 'OfflineQueueError';
    this.kind = kind;
    this.cause = cause;
  }
}

/** "TypeError: Failed to fetch", of whatever was thrown. */
export function describe(error: unknown): string {
  const { name, message } = (error ?? {}) as Partial<Error>;
  return message ? `${name ?? 'Error'}: ${message}` : String(name ?? error);
}

/** An error of IndexedDB, as one of ours. */
export function storageError(cause: unknown): OfflineQueueError {
  if (cause instanceof OfflineQueueError) return cause;
  if ((cause as Error | null)?.name === 'QuotaExceededError')
    return new OfflineQueueError('quota', 'The browser has no more room for messages to be kept', cause);
  return new OfflineQueueError('storage', `The message database failed (${describe(cause)})`, cause);
}
