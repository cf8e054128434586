/** A server on loopback: a page's other end, for samples that need a real one. `ws`, started per test. */
import { WebSocketServer, type WebSocket as ServerSocket } from 'ws';

export class MockServer {
  readonly received: unknown[] = [];
  readonly urls: string[] = [];
  readonly #server: WebSocketServer;
  readonly #waiting: (() => void)[] = [];

  private constructor(server: WebSocketServer, answer: (message: any) => unknown) {
    this.#server = server;
    server.on('connection', (socket, request) => {
      this.urls.push(request.url ?? '');
      socket.on('message', (data) => this.#take(socket, JSON.parse(String(data)), answer));
    });
  }

  /** Listens, then resolves. `answer` of a message goes back as JSON, if there is one. */
  static async start(port = 0, answer: (message: any) => unknown = pong): Promise<MockServer> {
    const server = new WebSocketServer({ host: 'localhost', port });
    await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject));
    return new MockServer(server, answer);
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  broadcast(message: unknown): void {
    for (const socket of this.#server.clients) socket.send(JSON.stringify(message));
  }

  /** Resolves with the next message that was not taken yet. */
  async next(): Promise<unknown> {
    if (!this.received.length) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.received.shift();
  }

  /** Cuts every link, and listens no more. */
  async close(): Promise<void> {
    for (const socket of this.#server.clients) socket.terminate();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #take(socket: ServerSocket, message: any, answer: (message: any) => unknown): void {
    this.received.push(message);
    for (const resolve of this.#waiting.splice(0)) resolve();
    const reply = answer(message);
    if (reply) socket.send(JSON.stringify(reply));
  }
}

function pong(message: any): unknown {
  return message.type === 'ping' ? { type: 'pong' } : undefined;
}
