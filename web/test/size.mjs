// What each entry costs a page: bundled and minified by esbuild, gzip -9, without react.
// Prints a table; the exit status is 1 if one is over its budget.
import { build } from 'esbuild';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

/* bytes; `goal`: what it should come to */
const budgets = [
  { what: "{ LimpetSocket } from 'limpet'", from: 'index.js', budget: 11750, goal: 5120 },
  { what: "{ EnhancedWebSocketClient } from 'limpet'", from: 'index.js', budget: 11300 },
  { what: "{ toNovaError } from 'limpet'", from: 'index.js', budget: 400 },
  { what: "{ calculateBackoffDelay } from 'limpet'", from: 'index.js', budget: 5100 },
  { what: "service from 'limpet/service'", from: 'service.js', budget: 11600 },
  { what: "{ useConnection } from 'limpet/store'", from: 'store.js', budget: 2500 },
  { what: "* from 'limpet/react'", from: 'react.js', budget: 5200 },
  { what: "* from 'limpet/elements'", from: 'elements.js', budget: 5400 },
  { what: "{ OfflineQueue } from 'limpet/offline'", from: 'offline.js', budget: 6300 },
  { what: "{ useJsEngine } from 'limpet/engine-js'", from: 'engine-js.js', budget: 8750 },
];

const dist = fileURLToPath(new URL('../dist/', import.meta.url));

async function sizeOf({ what, from }) {
  const [names] = what.split(' from ');
  const clause = names.startsWith('{') ? names : names === '*' ? '*' : '{ default as all }';
  const { outputFiles } = await build({
    stdin: { contents: `export ${clause} from './${from}'`, resolveDir: dist },
    bundle: true,
    minify: true,
    format: 'esm',
    external: ['react', 'react/jsx-runtime'],
    write: false,
    logLevel: 'error',
  });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
}

let isOver = false;
console.log(`${'import'.padEnd(44)}${'bytes'.padStart(8)}${'budget'.padStart(8)}${'goal'.padStart(8)}`);
for (const row of budgets) {
  const size = await sizeOf(row);
  isOver ||= size > row.budget;
  const verdict = size > row.budget ? '  OVER' : '';
  console.log(`${row.what.padEnd(44)}${String(size).padStart(8)}${String(row.budget).padStart(8)}${String(row.goal ?? '').padStart(8)}${verdict}`);
}
process.exitCode = isOver ? 1 : 0;
