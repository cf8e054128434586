// The demo page, from the package's sources: `node demo/build.mjs [FOLDER]`, by default dist/demo.
import { build } from 'esbuild';
import { copyFile, mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { shortNames } from '../engine/names.mjs';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** Writes index.html, demo.js, demo.css and favicon.svg into `folder`. */
export async function buildDemo(folder) {
  await mkdir(folder, { recursive: true });
  await build({
    entryPoints: [here('demo.ts'), here('demo.css')],
    outdir: folder,
    bundle: true,
    minify: true,
    format: 'esm',
    target: ['es2021'],
    logLevel: 'warning',
    ...shortNames(),
  });
  for (const name of ['index.html', 'favicon.svg']) await copyFile(here(name), resolve(folder, name));
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url))
  await buildDemo(resolve(process.argv[2] ?? here('../dist/demo')));
