/**
 * The starts of the package's README, as they stand there, built by Vite with the built package and opened in Chromium against the relay:
 * each connects, shows what comes and its state, follows a cut on screen, and leaves no socket behind. Needs web/dist, build/release/limpet and Chromium.
 */
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { build, type InlineConfig, type Plugin, preview, type PreviewServer } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readmeBlock } from '../readme.mjs';
import { Cutter } from './cutter.mjs';
import { HOST, launch, Relay } from './pages';

declare global {
  interface Window {
    unmount?(): void;
  }
}

const DEADLINE_MS = 20_000;
const web = fileURLToPath(new URL('../..', import.meta.url));

/* What `npm create vite` has besides the component: each mounts Feed with the address its page was given. */
const url = "const url = new URLSearchParams(location.search).get('url')!;";
const target = "document.getElementById('app')!";
const FRAMEWORKS: Record<string, { packages: string[]; files: Record<string, string>; config?: InlineConfig }> = {
  react: {
    packages: ['react', 'react-dom'],
    files: {
      'tsconfig.json': '{ "compilerOptions": { "jsx": "react-jsx", "target": "ES2022" } }',
      'Feed.tsx': readmeBlock('tsx'),
      'main.tsx': `import { StrictMode } from 'react'; import { createRoot } from 'react-dom/client'; import { Feed } from './Feed'; ${url}
        const root = createRoot(${target}); root.render(<StrictMode><Feed url={url} /></StrictMode>); window.unmount = () => root.unmount();`,
    },
  },
  vue: {
    packages: ['vue'],
    files: {
      'vite.config.ts': readmeBlock('ts'),
      'Feed.vue': readmeBlock('vue'),
      'main.ts': `import { createApp } from 'vue'; import Feed from './Feed.vue'; ${url}
        const app = createApp(Feed, { url }); app.mount(${target}); window.unmount = () => app.unmount();`,
    },
  },
  svelte: {
    packages: ['svelte'],
    files: {
      'Feed.svelte': readmeBlock('svelte'),
      'main.ts': `import { mount, unmount } from 'svelte'; import Feed from './Feed.svelte'; ${url}
        const feed = mount(Feed, { target: ${target}, props: { url } }); window.unmount = () => void unmount(feed);`,
    },
    config: { configFile: false, plugins: [svelte({ configFile: false })] },
  },
};

let folder: string;
let relay: Relay;
let site: PreviewServer;
let browser: Browser;
let end: () => Promise<void>;

/** Fails a build that imports, from the start or from Limpet, what its reader was not told to install. */
function only(packages: string[]): Plugin {
  const theirs = join(web, 'node_modules/');
  return {
    name: 'only',
    enforce: 'pre',
    resolveId(id, importer) {
      const name = /^(@[\w.-]+\/)?[a-z][\w.-]*(?=\/|$)/.exec(id)?.[0];
      if (name && importer && !importer.startsWith(theirs) && !packages.includes(name)) this.error(`${importer} imports ${id}`);
      return null;
    },
  };
}

/** A Vite project, built for development: frameworks warn there only. */
async function buildStart(name: string): Promise<void> {
  const { packages, files, config } = FRAMEWORKS[name]!;
  const root = join(folder, name);
  const main = Object.keys(files).find((file) => file.startsWith('main.'));
  const html = `<!doctype html><html lang="en"><title>${name}</title><div id="app"></div><script type="module" src="./${main}"></script></html>`;
  mkdirSync(root);
  for (const [file, text] of Object.entries({ 'index.html': html, ...files })) writeFileSync(join(root, file), text);
  const plugins = [...(config?.plugins ?? []), only([...packages, 'limpet', 'vite'])];
  await build({ root, base: './', mode: 'development', logLevel: 'error', ...config, plugins, build: { outDir: join(folder, 'dist', name) } });
}

function copyPlain(address: string): void {
  const page = readmeBlock('html');
  expect(page.split('wss://example.com/feed')).toHaveLength(2);
  mkdirSync(join(folder, 'dist/plain'), { recursive: true });
  writeFileSync(join(folder, 'dist/plain/index.html'), page.replace('wss://example.com/feed', address));
  cpSync(join(web, 'dist'), join(folder, 'dist/limpet'), { recursive: true });
}

/** A page, and what it said to its console but for failed dials, which Chromium itself reports. */
async function open(path: string): Promise<{ page: Page; complaints: string[] }> {
  const complaints: string[] = [];
  const page = await (await browser.newContext()).newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (said) => {
    if (['error', 'warning'].includes(said.type()) && !said.text().startsWith('WebSocket connection to')) complaints.push(said.text());
  });
  await page.route('**/favicon.ico', (route) => route.fulfill({ status: 204 }));
  await page.goto(site.resolvedUrls!.local[0]! + path);
  return { page, complaints };
}

async function say(conversation: string, plaintext: string): Promise<void> {
  const address = `http://127.0.0.1:${relay.port}/conversations/${conversation}/messages`;
  const { ok } = await fetch(address, { method: 'POST', body: JSON.stringify({ sender_id: 'bob', plaintext }) });
  expect(ok).toBe(true);
}

beforeAll(async () => {
  mkdirSync(join(web, 'build'), { recursive: true });
  folder = mkdtempSync(join(web, 'build/starts-')); // below web, whose node_modules have the frameworks
  for (const part of ['package.json', 'dist']) cpSync(join(web, part), join(folder, 'node_modules/limpet', part), { recursive: true });
  relay = new Relay();
  await relay.start();
  mkdirSync(join(folder, 'dist'));
  site = await preview({ root: folder, configFile: false, appType: 'mpa', preview: { host: '127.0.0.1', port: 0 }, logLevel: 'error' });
  ({ browser, end } = await launch());
});

afterAll(async () => {
  await end?.();
  await site?.close();
  await relay?.kill();
  rmSync(folder, { recursive: true, force: true });
});

describe.concurrent.each(['plain', ...Object.keys(FRAMEWORKS)])('the start for %s', (name) => {
  it('shows what comes and its state, through a cut', async ({ expect, onTestFinished }) => {
    const cutter = new Cutter(relay.port);
    const address = `ws://${HOST}:${await cutter.start()}/ws?conversation_id=${name}&user_id=ann&after=0`;
    onTestFinished(() => cutter.stop());
    if (name === 'plain') copyPlain(address);
    else await buildStart(name);
    const { page, complaints } = await open(`${name}/?url=${encodeURIComponent(address)}`);
    const soon = { timeout: DEADLINE_MS, interval: 50 };
    const shows = (selector: string, text: RegExp) => expect.poll(async () => (await page.locator(selector).allTextContents()).join(), soon).toMatch(text);

    await shows('.limpet-text', /^Connected/);
    await say(name, 'before');
    await shows('p', /"before"/);
    expect(cutter.count).toBe(1);

    cutter.refuse();
    await shows('.limpet-text', /^Reconnecting/);
    await shows('.limpet-banner strong', /^Connection lost/);
    cutter.refuse(false);
    await shows('.limpet-text', /^Connected/);
    await shows('.limpet-banner', /^$/);
    await say(name, 'after');
    await shows('p', /"after"/);

    if (name === 'plain') await page.close();
    else await page.evaluate(() => window.unmount!());
    await expect.poll(() => cutter.count, soon).toBe(0);
    expect(complaints).toEqual([]);
  });
});
