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
const network = ({ type }: Event) => tell((w) => w.networkChanged(type === 'online'));
const shown = () => tell((w) => w.shown());
const visible = () => void (document.visibilityState === 'visible' && shown());
const pageShown = (event: Event) => void ((event as PageTransitionEvent).persisted && shown());

function listen(verb: 'addEventListener' | 'removeEventListener'): void {
  const page = globalThis; // a worker has no document, Node not even the listeners
  page[verb]?.('online', network);
  page[verb]?.('offline', network);
  page[verb]?.('pageshow', pageShown);
  page.document?.[verb]('visibilitychange', visible);
  page.document?.[verb]('resume', shown);
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
  return globalThis.navigator?.onLine === false;
}

/** Never offline: this machine itself. A relative address is the page's. */
export function isLoopback(url: string): boolean {
  const whole = url && !/^\w*:?\/\//.test(url) ? String(globalThis.location?.href) : url;
  return /^\w*:?\/\/([^/?#]*@)?([^/?#@]*\.)?(localhost|127(\.\d+){3}|\[::1\])([:/?#]|$)/i.test(whole);
}
