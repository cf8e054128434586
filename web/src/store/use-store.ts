import { useRef, useSyncExternalStore } from 'react';
import type { StoreApi } from './store';

/** What `select` finds in the store's state; renders when that is another. */
export function useStore<T, U>(store: StoreApi<T>, select: (state: T) => U): U {
  return useSyncExternalStore(store.subscribe, () => select(store.getState()), () => select(store.getInitialState()));
}

/** As `useStore`, for a selection of several values: renders when one of them is another. */
export function useValues<T, U extends object>(store: StoreApi<T>, select: (state: T) => U): U {
  const kept = useRef<U | null>(null);
  return useStore(store, (state) => {
    const next = select(state);
    const old = kept.current;
    const isSame = old && Object.entries(next).every(([name, value]) => Object.is(old[name as keyof U], value));
    return isSame ? old : (kept.current = next);
  });
}
