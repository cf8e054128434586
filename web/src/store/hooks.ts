import { useCallback } from 'react';
import { connectionStore, storeStatus, type ConnectionStore, type ConnectionStoreApi } from './connection';
import { errorStore, type ErrorStore } from './errors';
import { messagingStore, type MessagingStore } from './messaging';
import type { StoreApi } from './store';
import { useStore, useValues } from './use-store';

/** A store that is called as a hook, with or without a selector, and is a store as well. */
export interface StoreHook<T> extends StoreApi<T> {
  (): T;
  <U>(selector: (state: T) => U): U;
}

function hookOf<T>(store: StoreApi<T>): StoreHook<T> {
  const hook = <U>(selector?: (state: T) => U) => useStore(store, selector ?? ((state) => state as unknown as U));
  return Object.assign(hook, {
    getState: () => store.getState(),
    getInitialState: () => store.getInitialState(),
    setState: ((...args: Parameters<typeof store.setState>) => store.setState(...args)) as StoreApi<T>['setState'],
    subscribe: (listener: (state: T, previous: T) => void) => store.subscribe(listener),
  }) as StoreHook<T>;
}

export const useConnectionStore = /* @__PURE__ */ hookOf<ConnectionStore>(connectionStore);
export const useErrorStore = /* @__PURE__ */ hookOf<ErrorStore>(errorStore);
export const useMessagingStore = /* @__PURE__ */ hookOf<MessagingStore>(messagingStore);

type Values = 'state' | 'fullState' | 'isConnected' | 'metrics' | 'reason' | 'attempt' | 'nextRetryAt' | 'lastError' | 'client';

/** The store's values, and its questions answered. */
export interface Connection extends Pick<ConnectionStore, Values> {
  /** "Connected (45s)" */
  status: string;
  hasQueuedMessages: boolean;
  isReconnecting: boolean;
  /** Dials now, whatever the client waits for. */
  retryNow(): void;
}

/* By the values alone: on a server they are the initial ones, which its own methods do not see. */
const select = (store: ConnectionStore): Omit<Connection, 'retryNow'> => ({
  state: store.state,
  fullState: store.fullState,
  isConnected: store.isConnected,
  metrics: store.metrics,
  status: storeStatus(store),
  hasQueuedMessages: !!store.metrics?.queuedMessages,
  isReconnecting: store.state === 'RECONNECTING',
  reason: store.reason,
  attempt: store.attempt,
  nextRetryAt: store.nextRetryAt,
  lastError: store.lastError,
  client: store.client,
});

/** The connection as values: renders when one of them changes, each second while connected. */
export function useConnection(store: ConnectionStoreApi = connectionStore): Connection {
  const seen = useValues(store, select);
  const retryNow = useCallback(() => store.getState().client?.retryNow(), [store]);
  return { ...seen, retryNow };
}
