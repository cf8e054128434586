// Sizes of the entries: esbuild bundle and minify, gzip -9, react and zustand outside. Prints a
// table; exits 1 when one is over its budget. `node test/size.mjs`, after the engine is built.
import { build } from 'esbuild';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { entries, external } from '../build.mjs';

const folder = fileURLToPath(new URL('../src', import.meta.url));

// what is imported, from which entry, budget in bytes
const rows = [
  ['{ LimpetSocket }', 'index', 11300],
  ['{ calculateBackoffDelay }', 'index', 4800],
  ['*', 'index', 12200],
  ['*', 'service', 11200],
  ['*', 'store', 13900],
  ['*', 'react', 14000],
  ['*', 'elements', 14000],
  ['*', 'offline', 6500],
  ['*', 'engine-js', 9000],
];
const GOAL = 5120; // of { LimpetSocket }

async function sizeOf(names, entry) {
  const contents = names === '*' ? (entry === 'service' ? `export { default } from './service'` : `export * from './${entry}'`) : `export ${names} from './${entry}'`;
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: folder, loader: 'ts' },
    bundle: true, minify: true, format: 'esm', target: 'es2022', charset: 'utf8', write: false, external, legalComments: 'none',
  });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
}

let failed = false;
for (const [names, entry, budget] of rows) {
  const isMissing = !entries.find(({ name }) => name === entry)?.source;
  const size = isMissing ? NaN : await sizeOf(names, entry);
  const isOver = !(size <= budget);
  failed ||= isOver;
  const goal = names === '{ LimpetSocket }' ? ` (goal ${GOAL})` : '';
  const verdict = isMissing ? 'MISSING' : isOver ? 'OVER' : 'ok';
  console.log(`${`${names} of ${entry}`.padEnd(34)} ${String(size).padStart(6)} of ${budget}${goal} ${verdict}`);
}
if (failed) process.exitCode = 1;
