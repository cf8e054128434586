import { defineConfig } from 'vitest/config';
import { fileURLToPath } from 'node:url';
import { shortNames } from './engine/names.mjs';

const source = (name: string) => fileURLToPath(new URL(`./src/${name}.ts`, import.meta.url));

export default defineConfig({
  esbuild: shortNames(),
  resolve: {
    alias: [
      { find: /^limpet$/, replacement: source('index') },
      { find: /^limpet\/(.+)$/, replacement: fileURLToPath(new URL('./src/$1.ts', import.meta.url)) },
    ],
  },
  test: { setupFiles: ['test/setup.ts'], include: ['test/unit/**/*.test.{ts,tsx}'] },
});
