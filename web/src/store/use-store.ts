import { useStore as use } from 'zustand/react';
import { useShallow } from 'zustand/react/shallow';
import type { StoreApi } from './store';

/** What `select` finds in the store's state; renders when that is another. */
export function useStore<T, U>(store: StoreApi<T>, select: (state: T) => U): U {
  return use(store, select);
}

/** As `useStore`, for a selection of several values: renders when one of them is another. */
export function useValues<T, U extends object>(store: StoreApi<T>, select: (state: T) => U): U {
  return use(store, useShallow(select));
}
