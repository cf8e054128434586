/** Pages in Chromium, with the relay behind a cutter: what the scenarios share. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { shortNames } from '../../engine/names.mjs';
import type { Browser, CDPSession, Page } from 'playwright-core';
import { expect } from 'vitest';
import { Chromium } from './chromium';

const DEADLINE_MS = 15_000;
const program = process.env.LIMPET ?? fileURLToPath(new URL('../../../build/release/limpet', import.meta.url));

/** The name of this machine in the page: a client holds a loopback address to be never offline. */
export const HOST = 'relay.test';

export async function launch(): Promise<{ browser: Browser; end(): Promise<void> }> {
  const chromium = new Chromium([`--host-resolver-rules=MAP ${HOST} 127.0.0.1`]);
  const browser = (await chromium.start()).browser()!;
  return { browser, end: () => chromium.end() };
}

/** The relay as a process; `kill()`, then `start()` again on the same port. */
export class Relay {
  private child: ChildProcess | undefined;
  private address = '127.0.0.1:0';

  /** @param options more of its command line */
  constructor(private readonly options: string[] = [], private readonly environment: Record<string, string> = {}) {}

  get port(): number {
    return Number(this.address.split(':')[1]);
  }

  async start(): Promise<void> {
    const child = spawn(program, ['serve', '--quiet', '--listen', this.address, '--allow-origin', '*', ...this.options], {
      env: { ...process.env, ...this.environment },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    this.child = child;
    const line = await new Promise<string>((resolve, reject) => {
      child.stdout.once('data', (data: Buffer) => resolve(String(data)));
      child.once('exit', (code) => reject(new Error(`the relay ended: ${code}`)));
      child.once('error', reject);
    });
    this.address = line.trim().replace('http://', '');
  }

  async kill(): Promise<void> {
    this.child?.kill('SIGKILL');
    await this.ended();
  }

  /** The signal that ended it, once it has ended. */
  async ended(): Promise<NodeJS.Signals | null> {
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.signalCode ?? null;
    return new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)));
  }
}

const html = `<!doctype html><html lang="en"><title>page</title><main><h1>A page</h1>
<limpet-banner delay-ms="0"></limpet-banner><limpet-status position="static"></limpet-status><script type="module" src="/page.js"></script></main></html>`;

/** A page of one script, under a policy that allows nothing but what it needs. */
export class Site {
  private readonly server: Server;

  constructor(script: string, port: number) {
    const policy = `default-src 'none'; script-src 'self'; connect-src ws://127.0.0.1:${port} ws://${HOST}:${port}`;
    this.server = createServer((request, response) => {
      const isScript = request.url === '/page.js';
      response.writeHead(200, { 'Content-Type': isScript ? 'text/javascript' : 'text/html', 'Content-Security-Policy': policy });
      response.end(isScript ? script : html);
    });
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** A module of the page: the one client with the JavaScript engine, as the policy wants it. */
export async function script(body: string): Promise<string> {
  const contents = `
    import { Client } from './index';
    import { defineElements } from './elements';
    import { useJsEngine } from './engine-js';
    useJsEngine('always');
    defineElements();
    Object.assign(window, { seen: [], states: [], persisted: [], lifecycle: [] });
    for (const type of ['freeze', 'resume']) document.addEventListener(type, () => window.lifecycle.push(type));
    addEventListener('pageshow', (event) => window.persisted.push(event.persisted));
    ${body}`;
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: fileURLToPath(new URL('../../src', import.meta.url)), loader: 'ts' },
    bundle: true, format: 'esm', target: 'es2022', write: false, ...shortNames(),
  });
  return outputFiles[0]!.text;
}

/**
 * A page in a conversation, `#CONVERSATION,USER,HEARTBEAT_MS` of its address: `window.raw` is every message that came, `window.seen` the texts shown, in
 * order, each sequence number once, and `window.say(text)` sends.
 */
export function conversationScript(port: number): Promise<string> {
  return script(`
    const [conversation, user, interval] = location.hash.slice(1).split(',');
    const shown = new Set();
    let last = 0;
    window.raw = [];
    const client = new Client({
      url: () => \`ws://${HOST}:${port}/ws?conversation_id=\${conversation}&user_id=\${user}&after=\${last}\`,
      initialDelayMs: 100, maxDelayMs: 300, maxRetries: Infinity, heartbeat: 'ping', confirm: 'barrier',
      heartbeatIntervalMs: Number(interval), heartbeatTimeoutMs: Number(interval), probeTimeoutMs: 500,
    });
    function show(message) {
      window.raw.push(message);
      if (shown.has(message.sequence_number)) return;
      shown.add(message.sequence_number);
      last = Math.max(last, message.sequence_number);
      window.seen.push(message.plaintext);
    }
    client.listen({
      message(data) {
        const message = JSON.parse(data);
        if (message.type === 'message') show(message);
      },
      state: (to) => window.states.push(to),
    });
    window.say = (plaintext) => client.send(JSON.stringify({ type: 'message', id: crypto.randomUUID(), plaintext }));
    client.connect();
    window.client = client;`);
}

interface Inside { _toImpl?(): Inside; _connection: { toImpl?(page: unknown): Inside }; delegate: { _mainFrameSession: { _client: CDPSession } } }

/**
 * A session that can freeze the page. Playwright has its pages play the focused one, which is never hidden and so never frozen, and gives
 * no option against it: only its own session can undo that. `window.lifecycle` tells whether the page was frozen.
 */
export async function unfocused(page: Page): Promise<CDPSession> {
  const outside = page as unknown as Inside;
  const inside = outside._toImpl?.() ?? outside._connection.toImpl!(page);
  await inside.delegate._mainFrameSession._client.send('Emulation.setFocusEmulationEnabled', { enabled: false });
  return page.context().newCDPSession(page);
}

export async function eventually<T>(page: Page, read: () => T, wanted: unknown): Promise<void> {
  await expect.poll(() => page.evaluate(read), { timeout: DEADLINE_MS, interval: 50 }).toEqual(wanted);
}
