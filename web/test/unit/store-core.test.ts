/** The store itself, without a client. */
import { expect, test, vi } from 'vitest';
import { createStore } from '../../src/store/store';

interface Counter {
  count: number;
  name: string;
  add(): void;
}

const make = () =>
  createStore<Counter>((set, get) => ({ count: 1, name: 'one', add: () => set({ count: get().count + 1 }) }));

test('a change is put over the state, in a new object, and told with the one before', () => {
  const store = make();
  const first = store.getState();
  const heard = vi.fn();
  store.subscribe(heard);
  first.add();
  expect(store.getState()).toEqual({ ...first, count: 2 });
  expect(first.count).toBe(1);
  expect(heard.mock.calls).toEqual([[store.getState(), first]]);
});

test('a function makes the change of the state, and the same state is no change', () => {
  const store = make();
  const heard = vi.fn();
  store.subscribe(heard);
  store.setState(({ count }) => ({ count: count + 4 }));
  expect(store.getState().count).toBe(5);
  store.setState((state) => state);
  expect(heard).toHaveBeenCalledTimes(1);
});

test('a replacement is all of the state', () => {
  const store = make();
  const next: Counter = { count: 9, name: 'nine', add: () => {} };
  store.setState(next, true);
  expect(store.getState()).toBe(next);
});

test('the first state stays known, and who unsubscribed hears no more', () => {
  const store = make();
  const first = store.getState();
  const heard = vi.fn();
  const stop = store.subscribe(heard);
  stop();
  stop();
  first.add();
  expect(heard).not.toHaveBeenCalled();
  expect(store.getInitialState()).toBe(first);
});
