/** Held by `tsc`: the signatures that the two documents print. */
import {
  calculateBackoffDelay, ConnectionState, createWebSocketClient, EnhancedWebSocketClient, getWebSocketClient,
  type ConnectionMetrics, type ReconnectConfig, type WsHandlers,
} from '../../src/index';
import EnhancedWebSocketService from '../../src/service';
import type { ConnectionStore } from '../../src/store';

interface PublicApi {
  connect(): void;
  disconnect(): void;
  send(type: string, payload?: any): void;
  sendTyping(conversationId: string, userId: string): void;
  getState(): ConnectionState;
  getMetrics(): ConnectionMetrics;
}
interface Metrics {
  state: ConnectionState;
  connected: boolean;
  reconnects: number;
  queuedMessages: number;
  connectionDurationMs: number;
  url: string;
}
interface Handlers {
  onMessage?: (payload: any) => void;
  onTyping?: (conversationId: string, userId: string) => void;
  onOpen?: () => void;
  onClose?: () => void;
  onError?: (err: any) => void;
  onStateChange?: (state: ConnectionState) => void;
}
interface Config {
  maxRetries: number;
  initialDelayMs: number;
  maxDelayMs: number;
  backoffMultiplier: number;
  backoffJitter: boolean;
}
interface Store {
  state: ConnectionState;
  lastError: Error | null;
  isConnected: boolean;
  updateState(state: ConnectionState): void;
  updateMetrics(metrics: ConnectionMetrics): void;
  setError(error: Error): void;
  clearError(): void;
  getConnectionStatus(): string;
  isReconnecting(): boolean;
  hasQueuedMessages(): boolean;
}

export const client: (made: EnhancedWebSocketClient) => PublicApi = (made) => made;
export const metrics: (given: ConnectionMetrics) => Metrics = (given) => given;
export const handlers: (given: Handlers) => WsHandlers = (given) => given;
export const config: (given: Config) => ReconnectConfig = (given) => given;
export const store: (given: ConnectionStore) => Store & { metrics: ConnectionMetrics | null } = (given) => given;
export const made: EnhancedWebSocketClient = createWebSocketClient('ws://localhost', {}, {});
export const newest: EnhancedWebSocketClient | null = getWebSocketClient();
export const delay: number = calculateBackoffDelay(0);
export const states: ConnectionState[] = [
  ConnectionState.CLOSED, ConnectionState.CONNECTING, ConnectionState.CONNECTED, ConnectionState.DISCONNECTED,
  ConnectionState.RECONNECTING, ConnectionState.ERROR,
];
// @ts-expect-error no seventh state
export const seventh = ConnectionState.FAILED;

export function service(ws: EnhancedWebSocketService): Promise<void> {
  ws.onMessage('message_type', (message) => message.data);
  ws.onConnectionState((state, reason) => [state === 'waiting_for_network', reason === 'lost']);
  ws.send({ type: 'message_type' }, false);
  // @ts-expect-error no such state
  ws.onConnectionState((state) => state === 'CONNECTED');
  return ws.connect('wss://example.com/ws', { sessionId: '123', token: 'abc' });
}
