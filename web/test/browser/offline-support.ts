/** A small server that keeps what it was asked. */
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const page = `<!doctype html><title>outbox</title><script type="module">
import { OfflineQueue } from '/offline.js';
window.queue = new OfflineQueue({ initialDelayMs: 200, maxDelayMs: 400 });
window.queue.start();
</script>`;

async function bundle(): Promise<string> {
  const entry = fileURLToPath(new URL('../../src/offline.ts', import.meta.url));
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, format: 'esm', target: 'es2021', write: false });
  return outputFiles[0]!.text;
}

export class MessageServer {
  /** Ids in the order of their acceptance, repeated ones too. */
  readonly accepted: string[] = [];
  readonly texts: string[] = [];
  isDown = false;
  delayMs = 0;
  attempts = 0;
  mostAtOnce = 0;
  private atOnce = 0;
  private script = '';
  private readonly http: Server = createServer((request, response) => void this.serve(request, response));

  async start(): Promise<string> {
    this.script = await bundle();
    await new Promise<void>((resolve) => this.http.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.http.address() as AddressInfo).port}/`;
  }

  async stop(): Promise<void> {
    this.http.closeAllConnections();
    await new Promise((resolve) => this.http.close(resolve));
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === 'POST') return this.post(request, response);
    const isScript = request.url === '/offline.js';
    response.writeHead(200, { 'Content-Type': isScript ? 'text/javascript' : 'text/html' });
    response.end(isScript ? this.script : page);
  }

  private async post(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.attempts++;
    if (this.isDown) return void request.socket.destroy();
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.atOnce);
    const { id, plaintext } = JSON.parse(await bodyOf(request)) as { id: string; plaintext: string };
    await new Promise((resolve) => setTimeout(resolve, this.delayMs));
    this.accepted.push(id);
    this.texts.push(plaintext);
    this.atOnce--;
    response.writeHead(201, { 'Content-Type': 'application/json' }).end('{}');
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request) body += String(chunk);
  return body;
}
