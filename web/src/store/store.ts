/** A store: one state, replaced and never changed in place, told to whoever subscribed. Shaped as zustand's, so that what takes those takes these. */

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
export function createStore<T>(initialise: (set: StoreApi<T>['setState'], get: () => T) => T): StoreApi<T> {
  const listeners = new Set<(state: T, previous: T) => void>();
  let state: T;
  const getState = () => state;
  const setState = (change: Partial<T> | ((state: T) => Partial<T>), replace?: boolean) => {
    const next = typeof change === 'function' ? change(state) : change;
    if (next === state) return;
    const previous = state;
    state = replace ? (next as T) : { ...state, ...next };
    for (const listener of listeners) listener(state, previous);
  };
  const subscribe = (listener: (state: T, previous: T) => void) => {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  };
  const initial = (state = initialise(setState, getState));
  return { setState, getState, getInitialState: () => initial, subscribe };
}
