/** `limpet/store`: the stores as React hooks that also work without a component (`getState()`). */
export {
  connectionStore, createConnectionStore, storeStatus, type ConnectionStore, type ConnectionStoreApi,
} from './store/connection';
export { createErrorStore, errorStore, type ErrorStore } from './store/errors';
export { useConnection, useConnectionStore, useErrorStore, useMessagingStore, type Connection } from './store/hooks';
export type { StoreApi } from './store/store';
export { createMessagingStore, messagingStore, type Message, type MessagingOptions, type MessagingStore } from './store/messaging';
export { LABELS, statusEmoji, statusText, type Labels } from './status/status';
