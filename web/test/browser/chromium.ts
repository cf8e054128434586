/** Chromium as a process of its own, so that it can be killed, and as users have it: Playwright's launch would keep pages out of the back-forward cache. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, type BrowserContext, chromium } from 'playwright-core';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const START_TIMEOUT_MS = 20_000;

/** One profile; started, killed and started again. */
export class Chromium {
  private readonly profile = mkdtempSync(join(tmpdir(), 'limpet-chromium-'));
  private child: ChildProcess | undefined;
  private browser: Browser | undefined;

  /** @param options more of its command line */
  constructor(private readonly options: string[] = []) {}

  async start(): Promise<BrowserContext> {
    const args = ['--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run', '--remote-debugging-port=0', ...this.options, `--user-data-dir=${this.profile}`, 'about:blank'];
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
