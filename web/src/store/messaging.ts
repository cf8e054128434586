/** The messaging store: conversations of the relay, sent by REST, received by WebSocket, none twice. */
import { newId } from '../id';
import { createWebSocketClient, type EnhancedWebSocketClient } from '../nova/client';
import type { ReconnectConfig } from '../nova/config';
import { toNovaError } from '../nova/error';
import { checkLimit, errorStore } from './errors';
import { createStore, type StoreApi } from './store';

export interface Message {
  id: string;
  conversation_id: string;
  sender_id: string;
  plaintext: string;
  sequence_number: number;
  /** RFC 3339, UTC */
  created_at: string;
}

export interface MessagingOptions extends ReconnectConfig {
  /** Of the REST calls; default: wsBase by http(s). */
  apiBase?: string;
  /** Default: where the page came from, by ws(s). */
  wsBase?: string;
  /** Where errors go; default: the page's error store. */
  onError?: (error: unknown) => void;
  /** Messages kept of each conversation, the newest; default 10,000. */
  limit?: number;
}

export interface MessagingStore {
  wsBase: string;
  apiBase: string;
  /** By conversation, in the order of their sequence numbers. */
  messages: Record<string, Message[]>;
  /** Who is typing, by conversation; forgotten after 5 s. */
  typing: Record<string, string[]>;
  connectWs(conversationId: string, userId: string): void;
  disconnectWs(): void;
  /** By REST. Rejects when it was not stored; an id of its own makes another try harmless. */
  sendMessage(conversationId: string, userId: string, plaintext: string, id?: string): Promise<Message>;
  sendTyping(conversationId: string, userId: string): void;
  /** What is stored after the last message received without a gap, page by page. Rejects, and tells the error, if that fails. */
  loadHistory(conversationId: string): Promise<void>;
}

const LIMIT = 10000;
const TYPING_MS = 5000;
const PAGE = 1000;

function pageBase(): string {
  const { location } = globalThis as { location?: Location };
  return location?.host ? `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}` : 'ws://localhost:8085';
}

function isMessage(payload: any): payload is Message {
  return payload?.type === 'message' && typeof payload.id === 'string' && typeof payload.sequence_number === 'number';
}

/* A conversation may be called `constructor`. */
function of<T>(all: Record<string, T[]>, conversationId: string): T[] {
  return Object.prototype.hasOwnProperty.call(all, conversationId) ? all[conversationId]! : [];
}

/** `known` with `fresh` in its place; the same array if it is known already. */
export function withMessage(known: Message[], fresh: Message, limit: number): Message[] {
  const is = (m: Message) => m.id === fresh.id || m.sequence_number === fresh.sequence_number;
  if (known.some(is)) return known;
  const isNewest = fresh.sequence_number > (known[known.length - 1]?.sequence_number ?? -Infinity);
  const all = [...known, fresh];
  return (isNewest ? all : all.sort((a, b) => a.sequence_number - b.sequence_number)).slice(-limit);
}

async function asJson(response: Response): Promise<any> {
  const body = await response.json().catch(() => null);
  if (response.ok) return body;
  throw Object.assign(new Error(body?.message ?? `HTTP ${response.status}`), { status: response.status });
}

/**
 * A store of its own, for one server. Importing or making it connects nothing.
 * @throws RangeError if `limit` is no integer from 1 on.
 */
export function createMessagingStore(options: MessagingOptions = {}): StoreApi<MessagingStore> {
  const { apiBase, wsBase = pageBase(), onError, limit = LIMIT, ...config } = options;
  checkLimit(limit);
  const report = onError ?? ((error: unknown) => errorStore.getState().addError(toNovaError(error)));
  const timers = new Map<string, ReturnType<typeof setTimeout>>();
  /* By conversation: up to here nothing is missing. What a POST stored says nothing of those before it. */
  const reached = new Map<string, number>();
  let client: EnhancedWebSocketClient | undefined;

  return createStore<MessagingStore>((set, get) => {
    const take = (conversationId: string, message: Message) =>
      set(({ messages }) => {
        const known = of(messages, conversationId);
        const next = withMessage(known, message, limit);
        return next === known ? {} : { messages: { ...messages, [conversationId]: next } };
      });

    const reachedOf = (conversationId: string) => reached.get(conversationId) ?? 0;

    /* One of the server's own row, replayed, live or a page of history: it comes without gaps. */
    const takeNext = (conversationId: string, message: Message) => {
      reached.set(conversationId, Math.max(reachedOf(conversationId), message.sequence_number));
      take(conversationId, message);
    };

    /* Its store was lost or put back, and gives numbers anew: which of them are still the same nobody knows, so all is asked for again. */
    const beginAnew = (conversationId: string) => {
      if (!reached.delete(conversationId)) return;
      set(({ messages }) => ({ messages: { ...messages, [conversationId]: [] } }));
      client?.client.reconnect();
    };

    /* The relay's error says why. */
    const received = (conversationId: string, payload: any) => {
      if (isMessage(payload)) return takeNext(conversationId, payload);
      if (payload?.type !== 'error') return;
      report(new Error(payload.message));
      if (payload.code === 'unknown_sequence_number') beginAnew(conversationId);
    };

    const setTyping = (conversationId: string, userId: string, isTyping: boolean) =>
      set(({ typing }) => {
        const others = of(typing, conversationId).filter((user) => user !== userId);
        return { typing: { ...typing, [conversationId]: isTyping ? [...others, userId] : others } };
      });

    const noteTyping = (conversationId: string, userId: string) => {
      const key = JSON.stringify([conversationId, userId]);
      clearTimeout(timers.get(key));
      timers.set(key, setTimeout(() => (timers.delete(key), setTyping(conversationId, userId, false)), TYPING_MS));
      setTyping(conversationId, userId, true);
    };

    const address = (conversationId: string) =>
      `${get().apiBase}/conversations/${encodeURIComponent(conversationId)}/messages`;

    return {
      wsBase,
      apiBase: apiBase ?? wsBase.replace(/^ws/, 'http'),
      messages: {},
      typing: {},

      connectWs: (conversationId, userId) => {
        get().disconnectWs();
        const query = () =>
          new URLSearchParams({ conversation_id: conversationId, user_id: userId, after: String(reachedOf(conversationId)) });
        const own = (client = createWebSocketClient(
          () => `${get().wsBase}/ws?${query()}`,
          {
            onMessage: (payload) => received(conversationId, payload),
            onTyping: (typingIn, typist) => client === own && noteTyping(typingIn, typist), // not of a link that is closing
            onError: report,
          },
          config,
        ));
        own.connect();
      },

      disconnectWs: () => {
        client?.disconnect();
        client = undefined;
        for (const timer of timers.values()) clearTimeout(timer);
        timers.clear();
        set({ typing: {} });
      },

      sendMessage: async (conversationId, userId, plaintext, id = newId()) => {
        try {
          const message: Message = await asJson(
            await fetch(address(conversationId), {
              method: 'POST',
              headers: { 'Content-Type': 'application/json' },
              body: JSON.stringify({ sender_id: userId, plaintext, id }),
            }),
          );
          if (isMessage({ type: 'message', ...message })) take(conversationId, message);
          return message;
        } catch (error) {
          report(error);
          throw error;
        }
      },

      sendTyping: (conversationId, userId) => client?.sendTyping(conversationId, userId),

      loadHistory: async (conversationId) => {
        try {
          for (let after = -1; after < reachedOf(conversationId); ) {
            after = reachedOf(conversationId);
            const { messages, has_more: hasMore } = await asJson(await fetch(`${address(conversationId)}?after=${after}&limit=${PAGE}`));
            for (const message of messages as Message[]) takeNext(conversationId, message);
            /* the relay ends a page of long messages before it is full, and says so */
            if (!(hasMore ?? messages.length === PAGE)) return;
          }
        } catch (error) {
          report(error);
          throw error;
        }
      },
    };
  });
}

/** The page's own: its server is where the page came from, unless `setState({ wsBase, apiBase })` says otherwise. */
export const messagingStore: StoreApi<MessagingStore> = createMessagingStore();
