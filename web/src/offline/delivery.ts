/** One attempt: the POST, or the caller's `send`, and what its end means. */
import type { Provided } from '../client/types';
import { readRetryAfter } from './backoff';
import { describe } from './error';
import type { OfflineQueueOptions, PendingMessage } from './types';

/**
 * - `done`: the server has it. `failed`: never will.
 * - `held`: later, and this conversation alone waits. `stuck`: later, and all wait, because the network, the server as a whole or the login is the trouble.
 */
export interface Outcome {
  end: 'done' | 'failed' | 'held' | 'stuck';
  reason: string;
  status: number;
  retryAfterMs: number;
}

const REASON_MAX = 500;
const done: Outcome = { end: 'done', reason: '', status: 0, retryAfterMs: 0 };

export async function deliver(options: OfflineQueueOptions, message: PendingMessage, signal: AbortSignal): Promise<Outcome> {
  try {
    if (!options.send) return await post(options, message, signal);
    await options.send(message, signal);
    return done;
  } catch (error) {
    return judgeError(error);
  }
}

function judgeError(error: unknown): Outcome {
  const { retryable, status, message } = (error ?? {}) as { retryable?: unknown; status?: unknown; message?: unknown };
  const outcome = judgeStatus(Number.isInteger(status) ? (status as number) : 0);
  if (message || !outcome.status) outcome.reason = describe(error).slice(0, REASON_MAX); // a Response says nothing but its status
  if (retryable === false) outcome.end = 'failed';
  else if (retryable === true && outcome.end === 'failed') outcome.end = 'held';
  return outcome;
}

/** 401 is not final: the token may be renewed, and a message must not be lost to an expired login. It holds all, as no other message would fare better. */
function judgeStatus(status: number): Outcome {
  const outcome: Outcome = { end: 'failed', reason: `The server answered ${status}`, status, retryAfterMs: 0 };
  if (status < 400 || [401, 408, 425, 429, 502, 503, 504].includes(status)) outcome.end = 'stuck';
  else if (status >= 500) outcome.end = 'held';
  return outcome;
}

async function post(options: OfflineQueueOptions, message: PendingMessage, signal: AbortSignal): Promise<Outcome> {
  const { id, conversationId, userId, plaintext } = message;
  const base = (await provided(options.base ?? '')).replace(/\/+$/, '');
  const token = await provided(options.token);
  const response = await fetch(`${base}/conversations/${encodeURIComponent(conversationId)}/messages`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ sender_id: userId, plaintext, id }),
    redirect: 'error', // a hotel's login page is not the server
    signal,
  });
  return judgeResponse(response);
}

async function provided<T>(value: Provided<T>): Promise<T> {
  return typeof value === 'function' ? (value as () => T)() : value;
}

async function judgeResponse(response: Response): Promise<Outcome> {
  const { status, headers } = response;
  if (response.ok) return judgeAcceptance(response);
  const outcome = judgeStatus(status);
  outcome.retryAfterMs = readRetryAfter(headers.get('Retry-After'), Date.now());
  const sentence = await readSentence(response);
  if (sentence) outcome.reason = sentence.slice(0, REASON_MAX);
  return outcome;
}

/** A network's own login page may be put in the server's place with 200: what is shown to people is no confirmation. */
function judgeAcceptance(response: Response): Outcome {
  const isPage = /html/i.test(response.headers.get('Content-Type') ?? '');
  response.body?.cancel().catch(() => {});
  return isPage ? { ...judgeStatus(0), reason: 'A web page answered instead of the server' } : done;
}

/** The relay's `{"type":"error","code","message"}`, where it is that. */
async function readSentence(response: Response): Promise<string | undefined> {
  try {
    const { message } = (await response.json()) as { message?: unknown };
    return typeof message === 'string' ? message : undefined;
  } catch {
    return undefined;
  }
}
