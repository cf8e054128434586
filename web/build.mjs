// Builds the package into dist: `node build.mjs`. ES modules that share chunks (so that all entries
// have one engine and one registry), their types, and the demo page.
import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const manifest = JSON.parse(readFileSync(here('package.json'), 'utf8'));

/** Each entry of the package's `exports` and its source, which is undefined when it is missing. */
export const entries = Object.values(manifest.exports).map(({ default: path }) => {
  const name = path.replace('./dist/', '').replace('.js', '');
  return { name, source: ['ts', 'tsx'].map((ext) => here(`src/${name}.${ext}`)).find(existsSync) };
});

export const external = ['react', 'react/jsx-runtime', 'react-dom', 'zustand', 'zustand/*'];

const run = (command, ...args) => execFileSync(command, args, { cwd: here('.'), stdio: 'inherit' });

/** Node's resolution of types wants file names: './client' becomes './client.js'. */
function nameFiles(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.name.endsWith('.d.ts')) continue;
    const at = join(entry.parentPath ?? entry.path, entry.name);
    const named = readFileSync(at, 'utf8').replace(/((?:from|import) ?\(?['"])(\.[^'"]+)(['"])/g, (whole, before, path, after) =>
      existsSync(resolve(dirname(at), `${path}.d.ts`)) ? `${before}${path}.js${after}` : whole);
    writeFileSync(at, named);
  }
}

/** esbuild drops the directive, which Next.js wants first in the file. */
function markForClients(file) {
  const text = readFileSync(file, 'utf8');
  if (!text.startsWith('"use client"')) writeFileSync(file, `"use client";\n${text}`);
}

export async function buildPackage() {
  rmSync(here('dist'), { recursive: true, force: true });
  run('sh', 'engine/build.sh');
  const present = entries.filter(({ source }) => source);
  await build({
    entryPoints: Object.fromEntries(present.map(({ name, source }) => [name, source])),
    outdir: here('dist'),
    bundle: true,
    splitting: true,
    format: 'esm',
    target: 'es2022', // private members as they are: es2021 makes them twice as big, and slow
    jsx: 'automatic',
    external,
    charset: 'utf8',
    chunkNames: 'chunks/[name]-[hash]',
    logLevel: 'error',
  });
  if (existsSync(here('dist/react.js'))) markForClients(here('dist/react.js'));
  run(process.execPath, 'node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json');
  nameFiles(here('dist'));
  const { buildDemo } = await import('./demo/build.mjs');
  await buildDemo(here('dist/demo'));
  const missing = entries.filter(({ source }) => !source).map(({ name }) => name);
  if (missing.length) throw new Error(`src has no source for these entries of package.json: ${missing.join(', ')}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildPackage();
