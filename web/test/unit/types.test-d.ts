/** Held by `tsc`: LimpetSocket can stand wherever WebSocket stands. */
import type { ClientOptions } from '../../src/client/types';
import type { OfflineQueueOptions } from '../../src/offline';
import { LimpetSocket } from '../../src/socket';

export const stands: (socket: LimpetSocket) => WebSocket = (socket) => socket;
export const constructs: new (url: string | URL, protocols?: string | string[]) => WebSocket = LimpetSocket;
export const wholly: typeof WebSocket = LimpetSocket as typeof WebSocket;
export const replaces: Pick<typeof WebSocket, 'CONNECTING' | 'OPEN' | 'CLOSING' | 'CLOSED'> = LimpetSocket;

/* A storage that has none says null. */
export const token: ClientOptions['token'] & OfflineQueueOptions['token'] = () => localStorage.getItem('token');

export function handlers(socket: LimpetSocket): void {
  socket.onmessage = (event) => event.data;
  socket.onclose = (event) => event.code + 1;
  socket.addEventListener('message', (event) => event.data);
  // @ts-expect-error a close event carries no data
  socket.addEventListener('close', (event) => event.data);
}
