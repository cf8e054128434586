// @vitest-environment jsdom
/** Every runnable sample of the first document, as written there but for import paths. */
import { act, useEffect } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { WebSocket as NodeWebSocket } from 'ws';
import {
  calculateBackoffDelay, ConnectionState, createWebSocketClient, EnhancedWebSocketClient, getWebSocketClient, toNovaError,
} from '../../src/index';
import { useConnection, useConnectionStore, useErrorStore, useMessagingStore } from '../../src/store';
import { FakeSocket, FakeWebSocket } from './fake-socket';
import { MockServer } from './mock-server';

(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;

/** As jest-websocket-mock's: a server by URL, here before any client dials; asserts one message. */
class WS {
  readonly #server: Promise<MockServer>;
  constructor(url: string) {
    this.#server = MockServer.start(Number(new URL(url).port));
  }
  async next(): Promise<unknown> {
    return (await this.#server).next();
  }
  async close(): Promise<void> {
    await (await this.#server).close();
  }
}

expect.extend({
  async toReceiveMessage(server: WS, expected: unknown) {
    const message = await server.next();
    return { pass: this.equals(message, expected), message: () => `received ${JSON.stringify(message)}` };
  },
});
declare module 'vitest' {
  interface Assertion<T = any> {
    toReceiveMessage(expected: unknown): Promise<T>;
  }
}

let root: Root | undefined;
let page: HTMLElement;
const clients: EnhancedWebSocketClient[] = [];
const keep = (client: EnhancedWebSocketClient) => (clients.push(client), client);

async function show(what: React.ReactNode): Promise<HTMLElement> {
  page = document.body.appendChild(document.createElement('main'));
  root = createRoot(page);
  await act(async () => root!.render(what));
  return page;
}

beforeEach(() => {
  FakeSocket.reset();
  vi.stubGlobal('WebSocket', FakeWebSocket);
});

afterEach(async () => {
  await act(async () => root?.unmount());
  root = undefined;
  page?.remove();
  for (const client of clients.splice(0)) client.disconnect();
  useMessagingStore.getState().disconnectWs();
  useErrorStore.getState().clear();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

describe('Testing: Unit Tests for EnhancedWebSocketClient', () => {
  describe('EnhancedWebSocketClient', () => {
    let client: EnhancedWebSocketClient;
    let server: MockServer;

    beforeEach(async () => {
      vi.stubGlobal('WebSocket', NodeWebSocket);
      server = await MockServer.start(8085);
      client = keep(new EnhancedWebSocketClient('ws://localhost:8085/ws', {}));
    });

    afterEach(async () => server.close());

    test('connects and transitions to CONNECTED', async () => {
      const states: ConnectionState[] = [];
      const client = keep(new EnhancedWebSocketClient('ws://localhost:8085/ws', {
        onStateChange: (state) => states.push(state),
      }));

      client.connect();
      // Wait for connection
      await new Promise(r => setTimeout(r, 100));

      expect(states).toContain(ConnectionState.CONNECTING);
      expect(states).toContain(ConnectionState.CONNECTED);
    });

    test('queues messages when disconnected', () => {
      client.send('message', { text: 'hello' });

      const metrics = client.getMetrics();
      expect(metrics.queuedMessages).toBe(1);
    });

    test('calculates exponential backoff correctly', () => {
      // Backoff: 1s * 1.5^attempt
      expect(calculateBackoffDelay(0)).toBeLessThanOrEqual(1000);
      expect(calculateBackoffDelay(1)).toBeLessThanOrEqual(1500);
      expect(calculateBackoffDelay(9)).toBeLessThanOrEqual(60000); // Capped
    });
  });
});

describe('Testing: Integration Tests', () => {
  /* The sample awaits the first ping, 30 s after the open: here the interval is asked to be short.
     It closes the server without waiting; the client learns of it with the next event. */
  test('reconnects after network failure', async () => {
    vi.stubGlobal('WebSocket', NodeWebSocket);
    const server = new WS('ws://localhost:8085');
    await vi.waitFor(async () => (await fetchPort(8085)), { timeout: 2000, interval: 10 });

    const client = keep(new EnhancedWebSocketClient('ws://localhost:8085/ws', {}, { heartbeatIntervalMs: 200 }));
    client.connect();

    await expect(server).toReceiveMessage(
      expect.objectContaining({ type: 'ping' })
    );

    // Simulate disconnect
    await server.close();
    await vi.waitUntil(() => client.getState() !== 'CONNECTED', { timeout: 2000, interval: 5 });

    // Client should attempt reconnect
    const metrics = client.getMetrics();
    expect(metrics.state).toMatch(/RECONNECTING|ERROR/);
  });
});

/** Resolves once something listens there. */
async function fetchPort(port: number): Promise<void> {
  const { connect } = await import('node:net');
  await new Promise<void>((resolve, reject) => {
    const probe = connect(port, 'localhost', () => (probe.destroy(), resolve())).once('error', reject);
  });
}

describe('Integration with Messaging System', () => {
  test('Initialization: all handlers and options of the sample', () => {
    const seen: unknown[] = [];
    const conversationId = 'c1';
    const userId = 'u1';
    const get = () => ({ wsBase: 'ws://localhost:8085' });
    const client = keep(createWebSocketClient(
      `${get().wsBase}/ws?conversation_id=${conversationId}&user_id=${userId}`,
      {
        onMessage: (payload) => { seen.push(payload); },
        onTyping: (convId, user) => { seen.push([convId, user]); },
        onOpen: () => { seen.push('open'); },
        onClose: () => { seen.push('close'); },
        onError: (error) => { seen.push(error.kind); },
        onStateChange: (state) => { seen.push(state); },
      },
      {
        maxRetries: 10,
        initialDelayMs: 1000,
        maxDelayMs: 30000,
        backoffMultiplier: 1.5,
        backoffJitter: true,
      }
    ));
    client.connect();
    FakeSocket.last.open();
    FakeSocket.last.receiveJson({ type: 'message', id: 'm1' });
    FakeSocket.last.receiveJson({ type: 'typing', conversation_id: 'c1', user_id: 'u2' });
    FakeSocket.last.end();
    expect(FakeSocket.last.url).toBe('ws://localhost:8085/ws?conversation_id=c1&user_id=u1');
    expect(seen).toEqual([
      'CONNECTING', 'open', 'CONNECTED', { type: 'message', id: 'm1' }, ['c1', 'u2'], 'connection_lost', 'close', 'DISCONNECTED',
      'RECONNECTING',
    ]);
  });

  test('State Tracking: onStateChange feeds the connection store', () => {
    const client = keep(new EnhancedWebSocketClient('ws://localhost:8085/ws', {
      onStateChange: (state: ConnectionState) => {
        useConnectionStore.getState().updateState(state);
      }
    }));
    client.connect();
    expect(useConnectionStore.getState().state).toBe('CONNECTING');
    FakeSocket.last.open();
    expect(useConnectionStore.getState()).toMatchObject({ state: 'CONNECTED', isConnected: true });
  });

  test('State Tracking: six names leave it known which of the eight states it is', () => {
    const unsubscribe = useConnectionStore.subscribe(() => {});
    const client = keep(new EnhancedWebSocketClient('ws://localhost:8085/ws', {
      onStateChange: (state: ConnectionState) => {
        useConnectionStore.getState().updateState(state);
      }
    }, { maxRetries: 0 }));
    client.connect();
    FakeSocket.last.end();
    expect(useConnectionStore.getState()).toMatchObject({ state: 'ERROR', fullState: 'FAILED' });
    unsubscribe();
  });

  test('State Tracking: the option store leaves it known, too, whoever looks first', () => {
    const client = keep(new EnhancedWebSocketClient('ws://localhost:8085/ws', {}, { store: useConnectionStore.getState(), maxRetries: 1 }));
    const unsubscribe = useConnectionStore.subscribe(() => {});
    client.connect();
    FakeSocket.last.end();
    expect(useConnectionStore.getState()).toMatchObject({ fullState: 'RECONNECTING', attempt: 1 });
    client.retryNow();
    FakeSocket.last.end();
    expect(useConnectionStore.getState()).toMatchObject({ state: 'ERROR', fullState: 'FAILED' });
    unsubscribe();
  });
});

describe('Connection Store: Using in Components', () => {
  function MyComponent() {
    const {
      state,           // Current ConnectionState
      isConnected,     // Boolean
      metrics,         // Connection metrics
      status,          // Human-readable "Connected (45s)"
      hasQueuedMessages,
      isReconnecting,
    } = useConnection();

    return (
      <div title={`${state}: ${status}`}>
        {isConnected ? (
          <span>✅ Connected</span>
        ) : (
          <span>⚠️ Disconnected</span>
        )}

        {isReconnecting && <span>Reconnecting...</span>}

        {hasQueuedMessages && (
          <span>{metrics?.queuedMessages} messages queued</span>
        )}
      </div>
    );
  }

  test('shows what the newest client does', async () => {
    const client = keep(new EnhancedWebSocketClient('ws://localhost:8085/ws'));
    const shown = await show(<MyComponent />);
    expect(shown.textContent).toBe('⚠️ Disconnected');
    await act(async () => {
      client.connect();
      FakeSocket.last.open();
    });
    expect(shown.textContent).toBe('✅ Connected');
    expect(shown.querySelector('div')!.title).toBe('CONNECTED: Connected (0s)');
    await act(async () => {
      FakeSocket.last.end();
      client.send('message', { text: 'hello' });
    });
    expect(shown.textContent).toBe('⚠️ DisconnectedReconnecting...1 messages queued');
  });
});

test('Debugging: View Connection Metrics', () => {
  keep(new EnhancedWebSocketClient('ws://localhost:8085/ws?conversation_id=c1')).connect();
  FakeSocket.last.open();
  const client = getWebSocketClient()!;
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  console.log(client.getMetrics());
  expect(log.mock.calls[0]![0]).toMatchObject({
    state: 'CONNECTED',
    connected: true,
    reconnects: 0,
    queuedMessages: 0,
    connectionDurationMs: expect.any(Number),
    url: 'ws://localhost:8085/ws?conversation_id=***', // values of a query may be secrets
  });
});

test('Debugging: Monitor State Changes, by debug: true', () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'] });
  const lines: string[] = [];
  vi.spyOn(console, 'log').mockImplementation((line) => void lines.push(line));
  const client = keep(new EnhancedWebSocketClient('ws://localhost:8085/ws', {}, { debug: true, random: () => 0.5 }));
  client.connect();
  FakeSocket.last.open();
  FakeSocket.last.end();
  vi.advanceTimersByTime(1000);
  FakeSocket.last.open();
  client.disconnect();
  vi.advanceTimersByTime(5000);
  vi.useRealTimers();
  expect(lines.map((line) => line.replace(/\d+ms/, '750ms')).filter((line) => !line.includes('Connection error'))).toEqual([
    '[WebSocket] State: CLOSED → CONNECTING',
    '[WebSocket] Connected',
    '[WebSocket] State: CONNECTING → CONNECTED',
    '[WebSocket] State: CONNECTED → DISCONNECTED',
    '[WebSocket] Reconnect attempt 1/10 in 750ms',
    '[WebSocket] State: DISCONNECTED → RECONNECTING',
    '[WebSocket] Connected',
    '[WebSocket] State: RECONNECTING → CONNECTED',
    '[WebSocket] State: CONNECTED → CLOSED',
  ]);
});

test('Debugging: Connection Store in Components', async () => {
  const LoadingSpinner = () => <i>spinner</i>;
  function Waiting() {
    // Check if UI should show spinner
    const { isReconnecting } = useConnection();
    const { metrics } = useConnection();
    if (isReconnecting) {
      return <LoadingSpinner />;
    }

    // Check queued message count
    if (metrics?.queuedMessages) {
      console.log(`${metrics.queuedMessages} messages waiting to send`);
    }
    return null;
  }
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  const client = keep(new EnhancedWebSocketClient('ws://localhost:8085/ws'));
  client.send('message', {});
  const shown = await show(<Waiting />);
  expect(log).toHaveBeenCalledWith('1 messages waiting to send');
  await act(async () => {
    client.connect();
    FakeSocket.last.open();
    FakeSocket.last.end();
  });
  expect(shown.textContent).toBe('spinner');
});

test('Error Handling Integration: onError fills the error store', () => {
  const client = keep(new EnhancedWebSocketClient('ws://localhost:8085/ws', {
    onError: (error) => {
      const novaError = toNovaError(error);
      useErrorStore.getState().addError(novaError);
    }
  }));
  client.connect();
  FakeSocket.last.open();
  FakeSocket.last.end();
  client.retryNow();
  FakeSocket.last.open();
  FakeSocket.last.end(4000, 'go away');
  expect(useErrorStore.getState().errors.map(({ message, retryable }) => [message, retryable])).toEqual([
    ['Connection error', true], ['WebSocket error', false],
  ]);
});

describe('Best Practices', () => {
  test('3. Handle Connection State Changes', async () => {
    function ChatInput() {
      const { isConnected } = useConnection();

      return (
        <div>
          <input disabled={!isConnected} placeholder="Type a message..." />
          {!isConnected && <span className="text-red-500">Disconnected</span>}
        </div>
      );
    }
    const client = keep(new EnhancedWebSocketClient('ws://localhost:8085/ws'));
    const shown = await show(<ChatInput />);
    expect([shown.querySelector('input')!.disabled, shown.textContent]).toEqual([true, 'Disconnected']);
    await act(async () => {
      client.connect();
      FakeSocket.last.open();
    });
    expect([shown.querySelector('input')!.disabled, shown.textContent]).toEqual([false, '']);
  });

  test('4. Monitor Metrics in Production', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const wsClient = keep(new EnhancedWebSocketClient('ws://localhost:8085/ws'));
    wsClient.connect();
    for (let i = 0; i < 7; i++) {
      FakeSocket.last.open();
      if (i === 6) break;
      FakeSocket.last.end();
      wsClient.retryNow();
    }
    // In error handling / analytics
    const metrics = wsClient.getMetrics();
    if (metrics.reconnects > 5) {
      // High reconnection count indicates network instability
      console.warn('High reconnection count:', metrics.reconnects);
      // Send to error tracking service
    }
    expect(warn).toHaveBeenCalledWith('High reconnection count:', 6);
  });

  test('5. Clean Up on Unmount', async () => {
    useMessagingStore.setState({ wsBase: 'ws://localhost:8085' });
    function Conversation({ conversationId, userId }: { conversationId: string; userId: string }) {
      const { connectWs, disconnectWs } = useMessagingStore();
      useEffect(() => {
        connectWs(conversationId, userId);

        return () => {
          disconnectWs();
        };
      }, [conversationId, userId]);
      return null;
    }
    await show(<Conversation conversationId="c1" userId="u1" />);
    expect(FakeSocket.all).toHaveLength(1);
    FakeSocket.last.open();
    await act(async () => root!.render(<Conversation conversationId="c2" userId="u1" />));
    expect(FakeSocket.all.map(({ url }) => new URL(url).searchParams.get('conversation_id'))).toEqual(['c1', 'c2']);
    expect(FakeSocket.all[0]!.closedWith).toBe(1000);
    await act(async () => root!.unmount());
    expect(FakeSocket.all[1]!.isClosed).toBe(true);
  });
});
