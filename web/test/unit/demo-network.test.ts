import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BadNetwork } from '../../demo/bad-network';

/** What a browser's WebSocket does, with events that count as its own. */
class Socket extends EventTarget {
  static made: Socket[] = [];
  readyState = 1;
  sent: unknown[] = [];
  closed = false;
  constructor(readonly url: string) {
    super();
    Socket.made.push(this);
  }
  send(data: unknown): void {
    this.sent.push(data);
  }
  close(): void {
    this.closed = true;
  }
  /** An event that a script could not have made. */
  get(data: string): void {
    const event = new MessageEvent('message', { data });
    Object.defineProperty(event, 'isTrusted', { value: true });
    this.dispatchEvent(event);
  }
}

function dial(network: BadNetwork): { socket: Socket; heard: unknown[] } {
  const heard: unknown[] = [];
  const socket = new network.WebSocket('ws://relay/ws') as unknown as Socket;
  socket.addEventListener('message', (event) => heard.push((event as MessageEvent).data));
  return { socket, heard };
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('WebSocket', Socket);
  vi.stubGlobal('location', { host: 'localhost' });
  vi.stubGlobal('CloseEvent', class extends Event {});
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('the network of the demo page', () => {
  it('carries both ways while nothing is broken', () => {
    const { socket, heard } = dial(new BadNetwork());
    socket.send('out');
    socket.get('in');
    expect(socket.sent).toEqual(['out']);
    expect(heard).toEqual(['in']);
  });

  it('carries nothing while frozen, and tells nobody', () => {
    const network = new BadNetwork();
    const { socket, heard } = dial(network);
    network.freeze();
    socket.send('out');
    socket.get('in');
    vi.advanceTimersByTime(60_000);
    expect([socket.sent, heard, socket.closed]).toEqual([[], [], false]);
    network.thaw();
    socket.get('behind what was lost');
    expect(heard).toEqual([]);
    const next = dial(network);
    next.socket.get('later');
    expect(next.heard).toEqual(['later']);
  });

  it('delays, and keeps the order when the delay goes', () => {
    const network = new BadNetwork();
    const { socket, heard } = dial(network);
    network.delayMs = 300;
    socket.get('first');
    vi.advanceTimersByTime(200);
    network.delayMs = 0;
    socket.get('second');
    expect(heard).toEqual([]);
    vi.advanceTimersByTime(200);
    expect(heard).toEqual(['first', 'second']);
  });

  it('cuts below the client', () => {
    const network = new BadNetwork();
    const { socket } = dial(network);
    network.cut();
    expect(socket.closed).toBe(true);
  });

  it('holds a request until it thaws, then refuses it so that it is tried anew', async () => {
    const network = new BadNetwork();
    const reached = vi.fn();
    vi.stubGlobal('fetch', reached);
    network.freeze();
    const request = network.fetch('/x', {});
    const refused = expect(request).rejects.toThrow(TypeError);
    await vi.advanceTimersByTimeAsync(10_000);
    network.thaw();
    await refused;
    expect(reached).not.toHaveBeenCalled();
  });
});
