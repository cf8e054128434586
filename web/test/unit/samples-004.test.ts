/** Every runnable sample of the service's document, as written there but for import path and address. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { WebSocket as NodeWebSocket } from 'ws';
import EnhancedWebSocketService from '../../src/service';
import { MockServer } from './mock-server';

let server: MockServer;

beforeEach(async () => {
  vi.stubGlobal('WebSocket', NodeWebSocket);
  server = await MockServer.start(0, (message) =>
    message.type === 'heartbeat'
      ? { type: 'heartbeat_response', timestamp: Date.now(), originalTimestamp: message.timestamp }
      : undefined);
});

afterEach(async () => {
  await server.close();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

test('Configuration Options: all are understood', () => {
  const options = {
    maxReconnectAttempts: 10,       // Maximum number of reconnection attempts
    initialReconnectDelay: 1000,    // Initial reconnection delay in ms
    maxReconnectDelay: 30000,       // Maximum reconnection delay in ms
    reconnectBackoffFactor: 1.5,    // Backoff factor for reconnection delay
    heartbeatInterval: 30000,       // Heartbeat interval in ms
    heartbeatTimeout: 5000,         // Heartbeat timeout in ms
    debug: true                     // Enable debug logging
  };
  expect(new EnhancedWebSocketService(options).getState()).toBe('disconnected');
});

test('Usage, in one turn: what was sent before the link is dropped by disconnect()', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  const errors = vi.spyOn(console, 'error').mockImplementation(() => {});
  const address = `ws://localhost:${server.port}/ws`;

  // Create enhanced WebSocket service
  const ws = new EnhancedWebSocketService({
    maxReconnectAttempts: 10,
    initialReconnectDelay: 1000,
    maxReconnectDelay: 30000,
    reconnectBackoffFactor: 1.5,
    heartbeatInterval: 30000,
    heartbeatTimeout: 5000,
    debug: true
  });

  // Connect to WebSocket server
  const outcome = ws.connect(address, { sessionId: '123', token: 'abc' })
    .then(() => {
      console.log('Connected to WebSocket server');
    })
    .catch(error => {
      console.error('Error connecting to WebSocket server:', error);
    });

  // Register message handler
  ws.onMessage('message_type', (message) => {
    console.log('Received message:', message);
  });

  // Register connection state handler
  ws.onConnectionState((state, reason) => {
    console.log(`Connection state changed to ${state}:`, reason);
  });

  // Send message
  ws.send({ type: 'message_type', data: 'Hello, world!' });

  // Disconnect
  ws.disconnect();

  // Clean up resources
  ws.destroy();

  await outcome;
  expect(errors).toHaveBeenCalledWith('Error connecting to WebSocket server:', expect.any(Error));
  expect(log).toHaveBeenCalledWith('[WebSocket] State: CLOSED → CONNECTING');
  expect(server.received).toEqual([]);
  expect(log.mock.calls.flat().join()).not.toContain('abc'); // no secret in a line
});

test('Usage, the steps as they are lived through', async () => {
  vi.spyOn(console, 'log').mockImplementation(() => {});
  const ws = new EnhancedWebSocketService({ debug: true });
  const states: unknown[] = [];
  ws.onConnectionState((state, reason) => states.push([state, reason]));
  const message = new Promise<unknown>((resolve) => ws.onMessage('message_type', resolve));
  const isConnected = ws.connect(`ws://localhost:${server.port}/ws`, { sessionId: '123', token: 'abc' });
  ws.send({ type: 'message_type', data: 'Hello, world!' }); // waits for the link
  await isConnected;
  expect(await server.next()).toEqual({ type: 'message_type', data: 'Hello, world!' });
  expect(server.urls).toEqual(['/ws?sessionId=123&token=abc']);
  server.broadcast({ type: 'message_type', data: 'Hello, page!' });
  expect(await message).toEqual({ type: 'message_type', data: 'Hello, page!' });
  const isClosed = new Promise<void>((resolve) => ws.onConnectionState((state) => state === 'disconnected' && resolve()));
  ws.disconnect();
  await isClosed;
  ws.destroy();
  expect(states).toEqual([['connecting', 'connect'], ['connected', 'opened'], ['disconnected', 'disconnect']]);
});

test('Heartbeat Message Format: asked and answered in these words, heard by no handler', async () => {
  const handler = vi.fn();
  const ws = new EnhancedWebSocketService({ heartbeatInterval: 100, heartbeatTimeout: 100 });
  ws.onMessage('*', handler);
  await ws.connect(`ws://localhost:${server.port}/ws`);
  await vi.waitUntil(() => ws.getMetrics()!.rttLastMs > 0, { timeout: 3000, interval: 10 });
  expect(await server.next()).toEqual({ type: 'heartbeat', timestamp: expect.any(Number) });
  expect(handler).not.toHaveBeenCalled();
  ws.destroy();
});
