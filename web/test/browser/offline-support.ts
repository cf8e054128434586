/** A small server that keeps what it was asked, and Chromium as a process of its own, so that it can be killed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { type Browser, type BrowserContext, chromium } from 'playwright-core';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const START_TIMEOUT_MS = 20_000;
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

/** One profile; started, killed and started again. */
export class Chromium {
  private readonly profile = mkdtempSync(join(tmpdir(), 'outbox-profile-'));
  private child: ChildProcess | undefined;
  private browser: Browser | undefined;

  async start(): Promise<BrowserContext> {
    const args = ['--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run', '--remote-debugging-port=0', `--user-data-dir=${this.profile}`, 'about:blank'];
    this.child = spawn(CHROMIUM, args, { detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
    this.browser = await chromium.connectOverCDP(await debuggingUrl(this.child));
    return this.browser.contexts()[0]!;
  }

  /** All of its processes at once, without a chance to write anything. */
  async kill(): Promise<void> {
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    process.kill(-child.pid!, 'SIGKILL');
    await gone;
    await this.browser?.close().catch(() => {});
  }

  async end(): Promise<void> {
    await this.kill();
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

function debuggingUrl(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = '';
    const timer = setTimeout(() => reject(new Error(`chromium did not start: ${output}`)), START_TIMEOUT_MS);
    child.stderr!.on('data', (chunk) => {
      output = (output + String(chunk)).slice(-10_000);
      const url = /DevTools listening on (ws:\S+)/.exec(output)?.[1];
      if (url) clearTimeout(timer), resolve(url);
    });
  });
}
