/**
 * The clients of this page, newest first wanted: widgets and the store bind themselves to the
 * newest. Held weakly, so that being listed keeps no client alive.
 */
import { guarded } from '../guarded';
import type { ClientLike } from './types';

let latest: WeakRef<ClientLike> | undefined;
const watchers = new Set<(client: ClientLike | null) => void>();

/** Says that a client was made: it is the newest now. */
export function announce(client: ClientLike): void {
  latest = new WeakRef(client);
  for (const watcher of [...watchers]) guarded(() => watcher(client));
}

/** The newest client, or null if there is none (any more). */
export function newest(): ClientLike | null {
  return latest?.deref() ?? null;
}

/** Calls back at once with the newest client or null, and on each change. The result ends it. */
export function watchNewest(callback: (client: ClientLike | null) => void): () => void {
  const watcher = (client: ClientLike | null) => callback(client);
  watchers.add(watcher);
  callback(newest());
  return () => void watchers.delete(watcher);
}
