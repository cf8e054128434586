// Builds the package into dist: `node build.mjs`. ES modules that share chunks (so that all entries
// have one engine and one registry), their types, and the demo page.
import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildDemo } from './demo/build.mjs';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const manifest = JSON.parse(readFileSync(here('package.json'), 'utf8'));

/** Each entry of the package's `exports` and its source. */
export const entries = Object.values(manifest.exports).map(({ default: path }) => {
  const name = path.replace('./dist/', '').replace('.js', '');
  return { name, source: ['ts', 'tsx'].map((ext) => here(`src/${name}.${ext}`)).find(existsSync) };
});

const run = (command, ...args) => execFileSync(command, args, { cwd: here('.'), stdio: 'inherit' });

export async function buildPackage() {
  rmSync(here('dist'), { recursive: true, force: true });
  run('sh', 'engine/build.sh');
  await build({
    entryPoints: Object.fromEntries(entries.map(({ name, source }) => [name, source])),
    outdir: here('dist'),
    bundle: true,
    splitting: true,
    format: 'esm',
    target: 'es2022',
    external: ['react', 'react/jsx-runtime', 'zustand', 'zustand/*'],
    chunkNames: 'chunks/[name]-[hash]',
    logLevel: 'warning',
  });
  run(process.execPath, 'node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json');
  await buildDemo(here('dist/demo'));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildPackage();
