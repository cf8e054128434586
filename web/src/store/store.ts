/**
 * The stores are zustand's; what is used of it lies inside the package (see build.mjs), so that the package works from a page without a
 * bundler too. Hence types of our own: whoever has zustand can give its stores to us, and ours to it.
 */
import { createStore as create } from 'zustand/vanilla';

/** One state, replaced and never changed in place, told to whoever subscribed. */
export interface StoreApi<T> {
  /** Puts these values over the state's own; `replace`: this is all of the state. Tells all subscribers, unless it is the very same state. */
  setState(change: T | Partial<T> | ((state: T) => T | Partial<T>), replace?: false): void;
  setState(change: T | ((state: T) => T), replace: true): void;
  getState(): T;
  /** The state as it was made: what a server renders. */
  getInitialState(): T;
  /** Calls back after each change, until the result is called. */
  subscribe(listener: (state: T, previous: T) => void): () => void;
}

/** @param initialise makes the first state, with the store's own `setState` and `getState` at hand for its methods */
export const createStore: <T>(initialise: (set: StoreApi<T>['setState'], get: () => T) => T) => StoreApi<T> = create;
