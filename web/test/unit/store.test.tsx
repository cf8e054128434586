// @vitest-environment jsdom
import { act, StrictMode } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { renderToString } from 'react-dom/server';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { EnhancedWebSocketClient } from '../../src/index';
import {
  connectionStore, createConnectionStore, createErrorStore, LABELS, storeStatus, useConnection, useConnectionStore, useErrorStore,
} from '../../src/store';
import { FakeSocket, FakeWebSocket, fakeTime } from './fake-socket';

(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;

const made: EnhancedWebSocketClient[] = [];
const removers: (() => void)[] = [];
let root: Root | undefined;

function make(): EnhancedWebSocketClient {
  const client = new EnhancedWebSocketClient('ws://far.test/ws', {}, { WebSocket: FakeWebSocket, jitter: 'none' });
  made.push(client);
  return client;
}

function connected(): EnhancedWebSocketClient {
  const client = make();
  client.connect();
  FakeSocket.last.open();
  return client;
}

/** A store with a subscriber, who counts. */
function watched(store = createConnectionStore()) {
  const count = vi.fn();
  removers.push(store.subscribe(count));
  return { store, count };
}

async function render(what: React.ReactNode): Promise<HTMLElement> {
  const page = document.createElement('main');
  root ??= createRoot(page);
  await act(async () => root!.render(what));
  return page;
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => {
  FakeSocket.reset();
  fakeTime();
});

afterEach(async () => {
  await act(async () => root?.unmount());
  root = undefined;
  for (const remove of removers.splice(0)) remove();
  for (const client of made.splice(0)) client.disconnect();
  await pass(70000);
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe('the connection store', () => {
  test('follows the newest client', () => {
    const { store } = watched();
    connected();
    expect(store.getState()).toMatchObject({ state: 'CONNECTED', isConnected: true });
    const second = make();
    expect(store.getState()).toMatchObject({ state: 'CLOSED', isConnected: false });
    expect(store.getState().client).toBe(second.client);
  });

  test('an error of the client before is not shown for the next one', () => {
    const { store } = watched();
    connected();
    FakeSocket.last.end();
    expect(store.getState().lastError?.message).toBe('Connection error');
    make();
    expect(store.getState().lastError).toBeNull();
  });

  test('an error is shown once: cleared it stays away, and one set by hand stays', async () => {
    const { store } = watched();
    connected();
    FakeSocket.last.end();
    store.getState().clearError();
    await pass(500);
    expect(store.getState().lastError).toBeNull();
    store.getState().setError(new Error('mine'));
    await pass(400);
    expect(store.getState().lastError?.message).toBe('mine');
    store.getState().clearError();
    await pass(50);
    expect(store.getState().lastError).toBeNull();
    await pass(50); // the dial
    FakeSocket.last.end();
    expect(store.getState().lastError?.message).toBe('Connection error');
  });

  test('bound, it keeps to one client; null binds it to the newest again', () => {
    const first = connected();
    const { store } = watched();
    store.getState().bind(first.client);
    const second = make();
    expect(store.getState().client).toBe(first.client);
    expect(store.getState().isConnected).toBe(true);
    store.getState().bind(null);
    expect(store.getState().client).toBe(second.client);
  });

  test('two stores: binding one leaves the other', () => {
    const first = connected();
    const second = make();
    const one = watched().store;
    const other = watched().store;
    one.getState().bind(first.client);
    expect([one.getState().isConnected, other.getState().isConnected]).toEqual([true, false]);
    expect(other.getState().client).toBe(second.client);
  });

  test('nothing new, nothing told', async () => {
    make();
    const { count } = watched();
    count.mockClear();
    await pass(5000);
    expect(count).not.toHaveBeenCalled();
  });

  test('ticks each second while somebody looks, and leaves no timer after', async () => {
    const client = connected();
    const timers = vi.getTimerCount(); // the client's own
    const { store, count } = watched();
    const remove = store.subscribe(() => {});
    count.mockClear();
    await pass(3000);
    expect(count).toHaveBeenCalledTimes(3);
    expect(store.getState().getConnectionStatus()).toBe('Connected (3s)');
    remove();
    remove(); // twice counts once
    await pass(1000);
    expect(count).toHaveBeenCalledTimes(4);
    removers.splice(0).forEach((end) => end());
    expect(vi.getTimerCount()).toBe(timers);
    client.send('a');
    await pass(5000);
    expect(count).toHaveBeenCalledTimes(4);
  });

  test('getState() looks too, without subscriber and without timer', () => {
    const store = createConnectionStore();
    const client = connected();
    const timers = vi.getTimerCount();
    expect(store.getState()).toMatchObject({ state: 'CONNECTED', isConnected: true, client: client.client });
    FakeSocket.last.end();
    client.send('a');
    expect(store.getState().state).toBe('RECONNECTING');
    expect(store.getState().hasQueuedMessages()).toBe(true);
    expect(store.getState()).toBe(store.getState()); // nothing new: the same snapshot
    expect(vi.getTimerCount()).toBe(timers);
  });

  test('a hundred fates in a turn are one look', async () => {
    const client = make();
    const { count } = watched();
    count.mockClear();
    for (let i = 0; i < 100; i++) client.send('a');
    await pass(0);
    expect(count).toHaveBeenCalledTimes(1);
  });

  test('reason, attempt and next dial are told; the text is that of the contract', async () => {
    const { store } = watched();
    connected();
    FakeSocket.last.end();
    expect(store.getState()).toMatchObject({ state: 'RECONNECTING', fullState: 'RECONNECTING', reason: 'retry', attempt: 1 });
    expect(store.getState().nextRetryAt! - Date.now()).toBe(1000);
    expect(store.getState().getConnectionStatus()).toBe('Reconnecting (attempt 1 of 10, in 1s)');
    expect(storeStatus(store.getState(), { ...LABELS, reconnecting: 'Neu' })).toMatch(/^Neu \(/);
    expect(store.getState().isReconnecting()).toBe(true);
  });

  test('the countdown of a client that was never open runs, too', async () => {
    const client = new EnhancedWebSocketClient('ws://far.test/ws', {}, { WebSocket: FakeWebSocket, jitter: 'none', initialDelayMs: 4000 });
    made.push(client);
    const { store, count } = watched();
    client.connect();
    FakeSocket.last.end();
    count.mockClear();
    await pass(2000);
    expect(count).toHaveBeenCalledTimes(2);
    expect(store.getState().getConnectionStatus()).toBe('Reconnecting (attempt 1 of 10, in 2s)');
  });

  test('clearError: gone until another one comes', async () => {
    const { store } = watched();
    connected();
    FakeSocket.last.end();
    store.getState().clearError();
    await pass(999);
    expect(store.getState().lastError).toBeNull();
    await pass(1);
    FakeSocket.last.end();
    expect(store.getState().lastError?.message).toBe('Connection error');
  });

  test('fed by hand where there is no client', () => {
    const store = createConnectionStore();
    store.getState().bind(make().client);
    store.getState().updateState('WAITING_FOR_NETWORK');
    const error = new Error('mine');
    store.getState().setError(error);
    expect(store.getState().lastError).toBe(error);
  });
});

describe('useConnection', () => {
  const renders = vi.fn();
  function Shown() {
    const { status, isConnected } = useConnection();
    renders();
    return <p>{`${isConnected} ${status}`}</p>;
  }

  test('nothing new, no render; retryNow stays the same function', async () => {
    make();
    const functions = new Set<unknown>();
    const rendered = vi.fn();
    function Shown() {
      functions.add(useConnection().retryNow);
      rendered();
      return null;
    }
    await render(<Shown />);
    rendered.mockClear();
    await act(() => pass(5000));
    expect([rendered.mock.calls.length, functions.size]).toEqual([0, 1]);
  });

  test('under StrictMode: shows, follows, and leaves no timer', async () => {
    const complaints = vi.spyOn(console, 'error').mockImplementation(() => {});
    const client = make();
    const page = await render(<StrictMode><Shown /></StrictMode>);
    expect(page.textContent).toBe('false Not connected');
    await act(async () => {
      client.connect();
      FakeSocket.last.open();
    });
    expect(page.textContent).toBe('true Connected (0s)');
    await act(() => pass(25000));
    expect(page.textContent).toBe('true Connected (25s)');
    const before = vi.getTimerCount();
    await act(async () => root!.unmount());
    root = undefined;
    expect(vi.getTimerCount()).toBe(before - 1);
    expect(complaints).not.toHaveBeenCalled();
  });

  test('mounted while connected: no complaint of React, few renders', async () => {
    const complaints = vi.spyOn(console, 'error').mockImplementation(() => {});
    connected();
    renders.mockClear();
    const page = await render(<Shown />);
    expect(page.textContent).toBe('true Connected (0s)');
    expect(renders.mock.calls.length).toBeLessThanOrEqual(3);
    expect(complaints).not.toHaveBeenCalled();
  });

  test('another store than the page\'s', async () => {
    const first = connected();
    const store = createConnectionStore();
    store.getState().bind(first.client);
    make();
    function Other() {
      return <p>{`${useConnection(store).isConnected} ${useConnection().isConnected}`}</p>;
    }
    expect((await render(<Other />)).textContent).toBe('true false');
  });

  test('retryNow dials', async () => {
    connected();
    FakeSocket.last.end();
    let retryNow = () => {};
    function Button() {
      ({ retryNow } = useConnection());
      return null;
    }
    await render(<Button />);
    await act(async () => retryNow());
    expect(FakeSocket.all).toHaveLength(2);
  });

  test('on a server: the state before any client, no timer, whatever runs there', () => {
    connected();
    const timers = vi.getTimerCount();
    expect(renderToString(<Shown />)).toBe('<p>false Not connected</p>');
    expect(vi.getTimerCount()).toBe(timers);
  });
});

describe('the hooks are stores', () => {
  test('getState, setState, subscribe and a selector', async () => {
    expect(useConnectionStore.getState().client).toBe(connectionStore.getState().client);
    const seen: number[] = [];
    removers.push(useErrorStore.subscribe(({ errors }) => seen.push(errors.length)));
    useErrorStore.getState().addError('x');
    useErrorStore.setState({ errors: [] });
    expect(seen).toEqual([1, 0]);
    function Count() {
      return <p>{useErrorStore((store) => store.errors.length)}</p>;
    }
    const page = await render(<Count />);
    await act(async () => useErrorStore.getState().addError('y'));
    expect(page.textContent).toBe('1');
    await act(async () => useErrorStore.getState().clear());
  });
});

describe('the error store', () => {
  test('keeps at most its limit, the newest; dismiss and clear', () => {
    const store = createErrorStore(3);
    for (const text of ['a', 'b', 'c', 'd']) store.getState().addError(text);
    const details = () => store.getState().errors.map(({ detail }) => detail);
    expect(details()).toEqual(['b', 'c', 'd']);
    store.getState().dismiss(store.getState().errors[1]!.id);
    expect(details()).toEqual(['b', 'd']);
    store.getState().clear();
    expect(details()).toEqual([]);
  });

  test.each([0, -1, 1.5, NaN])('a limit of %d is refused', (limit) => {
    expect(() => createErrorStore(limit)).toThrow(RangeError);
  });
});
