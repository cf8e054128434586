/** The package `limpet`. Importing it has no effect. */
export { Client } from './client/client';
export { newest, watchNewest } from './client/registry';
export type * from './client/types';
export { LimpetSocket, type LimpetSocketOptions } from './socket';
