/** The package `limpet`. Importing it has no effect. */
export { Client } from './client/client';
export { newest, watchNewest } from './client/registry';
export type * from './client/types';
export { LimpetSocket, type LimpetSocketOptions } from './socket';
export { calculateBackoffDelay } from './nova/backoff';
export {
  EnhancedWebSocketClient, createWebSocketClient, getWebSocketClient, type ConnectionMetrics, type WsHandlers,
} from './nova/client';
export type { ReconnectConfig, StoreActions } from './nova/config';
export { toNovaError, type NovaError } from './nova/error';
export { ConnectionState, connectionState } from './nova/state';
