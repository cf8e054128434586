/** The connection store without React: a store that looks at a client while it is looked at. */
import type { ClientLike, Metrics, Reason, State } from '../client/types';
import type { ConnectionMetrics } from '../nova/client';
import { connectionState, type ConnectionState } from '../nova/state';
import { factsOf, LABELS, statusText, type Labels } from '../status/status';
import { createStore, type StoreApi } from './store';
import { glance, watchClient, type Sight } from './watch';

export interface ConnectionStore {
  /** Under the six names; `fullState` tells all eight apart. */
  state: ConnectionState;
  fullState: State;
  metrics: ConnectionMetrics | null;
  lastError: Error | null;
  isConnected: boolean;
  /** Why the state is what it is. */
  reason: Reason;
  /** Retries since the link was last stable. */
  attempt: number;
  /** Date.now() of the next dial, null when none is planned. */
  nextRetryAt: number | null;
  /** What the store looks at: the newest client, if not bound to another. */
  client: ClientLike | null;

  updateState(state: State): void;
  updateMetrics(metrics: Metrics | ConnectionMetrics): void;
  setError(error: Error): void;
  clearError(): void;
  /** Looks at this client; null: at the newest one again. */
  bind(client: ClientLike | null): void;

  /** "Connected (45s)" */
  getConnectionStatus(): string;
  isReconnecting(): boolean;
  hasQueuedMessages(): boolean;
}

export type ConnectionStoreApi = StoreApi<ConnectionStore>;

const NOTHING = {
  state: 'CLOSED' as ConnectionState,
  fullState: 'CLOSED' as State,
  metrics: null,
  isConnected: false,
  reason: 'none' as Reason,
  attempt: 0,
  nextRetryAt: null,
  client: null,
};

/** The status text of a store's state, in other words if wished. */
export function storeStatus(store: ConnectionStore, labels: Labels = LABELS): string {
  return statusText(factsOf(store), labels);
}

function stateFields(state: State) {
  return { state: connectionState(state), fullState: state, isConnected: state === 'CONNECTED' };
}

function seen({ client, metrics }: Sight): Partial<ConnectionStore> {
  if (!client || !metrics) return NOTHING;
  const { state, reason, attempt, nextRetryAt } = metrics;
  return { ...stateFields(state), client, metrics: { ...metrics, state: connectionState(state) }, reason, attempt, nextRetryAt };
}

const TIMES = ['connectionDurationMs', 'downtimeMs', 'longestOutageMs', 'nextRetryAt'];
const NEAR_MS = 500;

/* All that is known, side by side: a part may have been told by hand. */
const flat = (known: Partial<ConnectionStore>): Record<string, unknown> => ({ ...known, ...known.metrics, metrics: null });

/* But for what moves with every millisecond: a tick is a second. */
function isOldNews(now: Record<string, unknown>, shown: Record<string, unknown>): boolean {
  return Object.entries(now).every(([name, value]) => {
    const isClose = TIMES.includes(name) && Math.abs(Number(value) - Number(shown[name])) < NEAR_MS;
    return isClose || value === shown[name];
  });
}

/** A store of its own. It watches from the first subscriber to the last; `getState()` looks too. */
export function createConnectionStore(): ConnectionStoreApi {
  let bound: ClientLike | null = null;
  let taken: Error | null = null; // the client's error that was shown last: it is shown once
  let lookers = 0;
  let stop = () => {};
  const store = createStore<ConnectionStore>((set, get) => ({
    ...NOTHING,
    lastError: null,
    /* a name that two states share does not take away what is known of them */
    updateState: (state) => set((known) => (known.state === state ? known : stateFields(state))),
    updateMetrics: (metrics) => set({ metrics: { ...metrics, state: connectionState(metrics.state) } }),
    setError: (lastError) => set({ lastError }),
    clearError: () => set({ lastError: null }),
    bind: (client) => {
      bound = client;
      if (lookers) start();
    },
    getConnectionStatus: () => storeStatus(get()),
    isReconnecting: () => get().state === 'RECONNECTING',
    hasQueuedMessages: () => !!get().metrics?.queuedMessages,
  }));
  const { getState: peek, subscribe } = store;
  const errorIn = ({ client, lastError }: Sight) => {
    if (client === peek().client && lastError === taken) return {};
    taken = lastError;
    return { lastError };
  };
  const look = (sight: Sight, isTick = false) => {
    const now = seen(sight);
    if (!now.client && !peek().client) return; // fed by hand, if at all
    /* a countdown runs also while nothing of the client moves */
    if ((isTick && now.nextRetryAt) || !isOldNews(flat(now), flat(peek()))) store.setState({ ...now, ...errorIn(sight) });
  };
  const start = () => {
    stop();
    stop = watchClient(bound, look);
  };
  store.getState = () => {
    if (!lookers) look(glance(bound));
    return peek();
  };
  store.subscribe = (listener) => {
    if (!lookers++) start();
    const unsubscribe = subscribe(listener);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      unsubscribe();
      if (!--lookers) stop();
    };
  };
  return store;
}

/** The page's own store, which the hooks and widgets use unless told otherwise. */
export const connectionStore: ConnectionStoreApi = createConnectionStore();
