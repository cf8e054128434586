import { defineConfig } from 'vitest/config';
import { fileURLToPath } from 'node:url';

const source = (path: string) => fileURLToPath(new URL(`./src/${path}`, import.meta.url));
const isBrowser = process.env.LIMPET_TESTS === 'browser';

/* Unit tests by default; LIMPET_TESTS=browser: those in Chromium, against the real relay. */
export default defineConfig({
  resolve: {
    alias: [
      { find: /^limpet$/, replacement: source('index.ts') },
      { find: /^limpet\/(.+)$/, replacement: source('$1.ts') },
    ],
  },
  test: isBrowser
    ? { include: ['test/browser/**/*.test.ts'], fileParallelism: false, testTimeout: 60_000, hookTimeout: 60_000 }
    : { include: ['test/unit/**/*.test.{ts,tsx}'] },
});
