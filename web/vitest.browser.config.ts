import { defineConfig } from 'vitest/config';
import base from './vitest.config';

// Pages in Chromium: one file after the other, since two cores are all that may be there.
export default defineConfig({
  ...base,
  test: { include: ['test/browser/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000, fileParallelism: false },
});
