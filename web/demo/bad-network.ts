/** A network between a client and its sockets that can be broken on purpose. The sockets are real ones: frames vanish or wait between them and the client. */

/** Held-back events of one network; more are lost, as in a full buffer. */
const HELD_MAX = 10_000;

/** The name by which this network knows the page's own host. Limpet holds that loopback is never offline, and a demo mostly runs there. */
export const RELAY = 'relay.invalid';

type Held = { at: number; run: () => void };

export class BadNetwork {
  /** Added to each frame and request, each way. */
  delayMs = 0;
  private frozen = false;
  private sockets = new Set<WebSocket>();
  /** Have been frozen. A stream that has lost a part never carries again: TCP delivers all or nothing. */
  private broken = new WeakSet<WebSocket>();
  private requests = new Set<AbortController>();
  private held: Held[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;

  get isFrozen(): boolean {
    return this.frozen;
  }

  /** Nothing to break, and nothing that waits in front. */
  private get isClear(): boolean {
    return !this.frozen && this.delayMs === 0 && this.held.length === 0;
  }

  /** Links stay open and carry nothing: neither end is told. What was on its way is gone. */
  freeze(): void {
    this.frozen = true;
    this.held = [];
    for (const socket of this.sockets) this.broken.add(socket);
  }

  /** New links carry again. Requests that hung are refused, so that they are tried anew. */
  thaw(): void {
    this.frozen = false;
    this.abortRequests();
  }

  /** Closes every socket below its client, and breaks off every request. */
  cut(): void {
    this.abortRequests();
    for (const socket of this.sockets) socket.close();
  }

  /** For ClientOptions.WebSocket. */
  get WebSocket(): new (url: string, protocols?: string | string[]) => WebSocket {
    const network = this;
    return class extends WebSocket {
      constructor(url: string, protocols?: string | string[]) {
        super(url.replace(RELAY, location.host), protocols);
        network.adopt(this);
        if (isOffline) super.close(); // as a browser does it: no exception, but error and close
      }

      override send(data: string | ArrayBufferLike | Blob | ArrayBufferView): void {
        if (!network.broken.has(this)) network.carry(() => this.readyState === 1 && super.send(data as string));
      }
    };
  }

  /** As fetch(), over this network. */
  async fetch(url: string, init: RequestInit & { signal?: AbortSignal }): Promise<Response> {
    if (isOffline) throw new TypeError('this machine is offline');
    const controller = new AbortController();
    init.signal?.addEventListener('abort', () => controller.abort());
    this.requests.add(controller);
    try {
      await this.pass(controller.signal);
      const response = await fetch(url, { ...init, signal: controller.signal });
      await this.pass(controller.signal);
      return response;
    } finally {
      this.requests.delete(controller);
    }
  }

  /** Resolves when something has come through; while frozen only the abort ends it. */
  private pass(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = () => reject(new TypeError('the network broke'));
      if (signal.aborted) fail();
      signal.addEventListener('abort', fail);
      this.carry(resolve);
    });
  }

  private abortRequests(): void {
    for (const request of this.requests) request.abort();
  }

  /** Our listeners are the first ones: what they stop, the client never hears of. */
  private adopt(socket: WebSocket): void {
    this.sockets.add(socket);
    if (this.frozen) this.broken.add(socket);
    for (const type of ['open', 'message', 'error', 'close'])
      socket.addEventListener(type, (event) => {
        if (type === 'close') this.sockets.delete(socket);
        if (this.broken.has(socket)) event.stopImmediatePropagation();
        else if (event.isTrusted && !this.isClear) this.holdBack(socket, event);
      });
  }

  private holdBack(socket: WebSocket, event: Event): void {
    event.stopImmediatePropagation();
    this.carry(() => socket.dispatchEvent(again(event)));
  }

  /** One way through: now, later, or never. Order is kept, also when the delay changes. */
  private carry(run: () => void): void {
    if (this.frozen) return;
    if (this.isClear) {
      run();
      return;
    }
    if (this.held.length === HELD_MAX) return;
    const last = this.held[this.held.length - 1];
    this.held.push({ at: Math.max(performance.now() + this.delayMs, last?.at ?? 0), run });
    this.timer ??= setTimeout(() => this.release(), this.delayMs);
  }

  private release(): void {
    this.timer = undefined;
    while (this.held[0] && this.held[0].at <= performance.now() + 1) this.held.shift()?.run();
    if (this.held[0]) this.timer = setTimeout(() => this.release(), this.held[0].at - performance.now());
  }
}

function again(event: Event): Event {
  if (event instanceof MessageEvent) return new MessageEvent('message', { data: event.data as unknown, origin: event.origin });
  if (event instanceof CloseEvent) return new CloseEvent('close', { code: event.code, reason: event.reason, wasClean: event.wasClean });
  return new Event(event.type);
}

let isOffline = false;

/** What the browser says and does when its last network goes: navigator.onLine, the event, and no way out. */
export function setOffline(offline: boolean, networks: BadNetwork[]): void {
  isOffline = offline;
  Object.defineProperty(navigator, 'onLine', { configurable: true, get: () => !isOffline });
  window.dispatchEvent(new Event(offline ? 'offline' : 'online'));
  if (offline) for (const network of networks) network.cut();
}
