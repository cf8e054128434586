/**
 * What the page learns about its network and itself, for all clients of the page: one set of
 * listeners, there only while some client wants it.
 */
export interface Watcher {
  networkChanged(isUp: boolean): void;
  /** Shown again, or thawed: whatever the timers and the link say is old. */
  shown(): void;
}

const watchers = new Set<Watcher>();
const tell = (what: (watcher: Watcher) => void) => [...watchers].forEach(what);
const online = () => tell((w) => w.networkChanged(true));
const offline = () => tell((w) => w.networkChanged(false));
const shown = () => tell((w) => w.shown());
const visible = () => void (document.visibilityState === 'visible' && shown());
const pageShown = (event: Event) => void ((event as PageTransitionEvent).persisted && shown());

function listen(verb: 'addEventListener' | 'removeEventListener'): void {
  globalThis[verb]?.('online', online);
  globalThis[verb]?.('offline', offline);
  globalThis[verb]?.('pageshow', pageShown);
  if (typeof document === 'undefined') return;
  document[verb]('visibilitychange', visible);
  document[verb]('resume', shown);
}

export function watch(watcher: Watcher): void {
  if (!watchers.size) listen('addEventListener');
  watchers.add(watcher);
}

export function unwatch(watcher: Watcher): void {
  if (watchers.delete(watcher) && !watchers.size) listen('removeEventListener');
}

/** A hint only: what says "offline" may be wrong, and says nothing about this machine itself. */
export function seemsOffline(): boolean {
  return typeof navigator !== 'undefined' && navigator.onLine === false;
}

/** Never offline: this machine itself. */
export function isLoopback(url: string): boolean {
  return /^\w+:\/\/([^/?#]*@)?([^/?#@]*\.)?(localhost|127(\.\d+){3}|\[::1\])([:/?#]|$)/i.test(url);
}
