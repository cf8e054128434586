import { defineConfig } from 'vitest/config';
import base from './vitest.config';

// Pages in Chromium: one file after the other, since two cores are all that may be there. Once more for a
// test that failed: on a busy machine Chromium may decline to keep a page in its back-forward cache.
export default defineConfig({
  ...base,
  test: { include: ['test/browser/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000, fileParallelism: false, retry: 1 },
});
