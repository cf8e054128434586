/**
 * A look at a client that costs nothing while nobody looks: follows the newest client (or a given
 * one), and reads its metrics at each change and each second while there are watchers.
 */
import { newest, watchNewest } from '../client/registry';
import type { ClientLike, LimpetError, Metrics } from '../client/types';

export interface Sight {
  client: ClientLike | null;
  metrics: Metrics | null;
  lastError: LimpetError | null;
}

const SECOND_MS = 1000;

function sightOf(client: ClientLike | null): Sight {
  return { client, metrics: client?.metrics() ?? null, lastError: client?.lastError ?? null };
}

/** One look, at this client or the newest. */
export function glance(fixed: ClientLike | null): Sight {
  return sightOf(fixed ?? newest());
}

/** Calls back with what is seen, at once and then at each change and second (a tick), until the result is called. */
export function watchClient(fixed: ClientLike | null, callback: (sight: Sight, isTick?: boolean) => void): () => void {
  let client: ClientLike | null = null;
  let unlisten = () => {};
  const look = () => callback(sightOf(client));
  const follow = (next: ClientLike | null) => {
    unlisten();
    client = next;
    unlisten = client?.listen({ state: look, error: look, retry: look, fate: soon }) ?? (() => {});
    look();
  };
  let isSoon = false;
  /* fates come in hundreds: one look for all of a turn */
  function soon(): void {
    if (isSoon) return;
    isSoon = true;
    queueMicrotask(() => {
      isSoon = false;
      if (!isOver) look();
    });
  }
  let isOver = false;
  const unwatch = fixed ? (follow(fixed), () => {}) : watchNewest(follow);
  const timer = setInterval(() => callback(sightOf(client), true), SECOND_MS);
  return () => {
    isOver = true;
    clearInterval(timer);
    unwatch();
    unlisten();
  };
}
