/**
 * One WebSocket from dial to end. It is dropped by detaching it: nothing that a dropped one still
 * says is heard, and nobody waits for its `onclose`, which may take minutes.
 */
export interface LinkEvents {
  onopen(event: Event): void;
  onmessage(event: MessageEvent): void;
  onclose(event: CloseEvent): void;
}

const nothing = () => {};

export class Link {
  readonly socket: WebSocket;
  /** Bytes handed to the socket so far: positions in the link's stream. */
  sent = 0;

  constructor(socket: WebSocket, events: LinkEvents) {
    this.socket = socket;
    Object.assign(socket, events);
    socket.onerror = nothing; // `close` follows, and says as little
  }

  write(data: Parameters<WebSocket['send']>[0], size: number): void {
    this.socket.send(data);
    this.sent += size;
  }

  /** How far the stream has left the browser's buffer. */
  get flushed(): number {
    return this.sent - this.socket.bufferedAmount;
  }

  drop(): void {
    const { socket } = this;
    socket.onopen = socket.onmessage = socket.onclose = null;
    try {
      socket.close();
    } catch {
      /* it has ended already */
    }
  }
}

/**
 * The URL as a WebSocket wants it: absolute, ws or wss, the token in its query.
 * @throws Error saying what is wrong with it.
 */
export function socketUrl(url: string | URL, token: string | null | undefined): string {
  const parsed = new URL(url, globalThis.location?.href);
  if (/^https?:$/.test(parsed.protocol)) parsed.protocol = parsed.protocol.replace('http', 'ws');
  if (!/^wss?:$/.test(parsed.protocol)) throw new Error(`scheme ${parsed.protocol} is not ws: or wss:`);
  if (parsed.hash) throw new Error('a fragment is not allowed');
  /* as text: searchParams would write all of the query anew, which may be signed */
  if (token !== undefined && token !== null) parsed.search += `${parsed.search ? '&' : ''}token=${encodeURIComponent(token)}`;
  return parsed.href;
}
