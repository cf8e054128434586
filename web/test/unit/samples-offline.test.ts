/** The sample of the first document that names OfflineQueue, as written there but for import paths. */
import { IDBFactory } from 'fake-indexeddb';
import { expect, test, vi } from 'vitest';
import { OfflineQueue } from '../../src/offline';

test("2. Don't Queue Messages in WebSocket", async () => {
  const fetch = vi.fn(async (_url: string, _init: RequestInit) => new Response('{}', { status: 201 }));
  vi.stubGlobal('indexedDB', new IDBFactory());
  vi.stubGlobal('fetch', fetch);
  const [conversationId, userId, plaintext] = ['c1', 'u1', 'hello'];

  const queue = new OfflineQueue({ base: 'http://localhost' });
  queue.enqueue({ conversationId, userId, plaintext });

  await vi.waitFor(() => expect(fetch).toHaveBeenCalled());
  expect(fetch.mock.calls[0]![0]).toBe('http://localhost/conversations/c1/messages');
  expect(JSON.parse(fetch.mock.calls[0]![1].body as string)).toMatchObject({ sender_id: 'u1', plaintext: 'hello' });
  await vi.waitFor(async () => expect(await queue.pending()).toEqual([]));
  await queue.close();
  vi.unstubAllGlobals();
});
