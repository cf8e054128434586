// Builds the package into dist: `node build.mjs`. One ES module for each source, so that bundlers leave
// out what is not used and all entries share one engine and one registry; their types; the demo page.
import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildDemo } from './demo/build.mjs';
import { shortNames } from './engine/names.mjs';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const run = (command, ...args) => execFileSync(command, args, { cwd: here('.'), stdio: 'inherit' });

function filesOf(folder, pattern) {
  const names = readdirSync(here(folder), { recursive: true }).map(String);
  return names.filter((name) => pattern.test(name)).map((name) => here(`${folder}/${name}`));
}

/* Browsers and Node want whole file names; in the sources they are left out. */
function nameWhole(path) {
  const relative = /(\bfrom\s*|\bimport\s*\(?\s*)(["'])(\.{1,2}\/[^"']+?)(?:\.js)?\2/g;
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, text.replace(relative, (_, before, quote, name) => `${before}${quote}${name}.js${quote}`));
}

/* What is used of zustand goes into the modules that use it: a page without a bundler finds no packages. */
async function takeIn(options) {
  const outside = { name: 'outside', setup: ({ onResolve }) => onResolve({ filter: /^(\.|react$)/ }, ({ path, importer }) => (
    path === 'react' || !importer.includes('node_modules') ? { path, external: true } : undefined)) };
  const entryPoints = ['src/store/store.ts', 'src/store/use-store.ts'].map(here);
  await build({ ...options, entryPoints, bundle: true, plugins: [outside] });
  copyFileSync(here('node_modules/zustand/LICENSE'), here('dist/store/zustand.LICENSE'));
}

export async function buildPackage() {
  rmSync(here('dist'), { recursive: true, force: true });
  run('sh', 'engine/build.sh');
  const options = { outbase: here('src'), outdir: here('dist'), format: 'esm', target: 'es2022', jsx: 'automatic', logLevel: 'warning', ...shortNames() };
  await build({ ...options, entryPoints: filesOf('src', /(?<!types|\.d)\.tsx?$/) });
  await takeIn(options);
  run(process.execPath, 'node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json');
  for (const path of filesOf('dist', /\.(js|d\.ts)$/)) nameWhole(path);
  await buildDemo(here('dist/demo'));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildPackage();
