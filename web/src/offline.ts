/** `limpet/offline`: the durable outbox of a page. */
export { OfflineQueue } from './offline/queue';
export { OfflineQueueError, type OfflineErrorKind } from './offline/error';
export type { FailedMessage, OfflineEvents, OfflineMessage, OfflineQueueOptions, OfflineSnapshot, PendingMessage } from './offline/types';
