// node engine/bench.mjs (after engine/build.sh): size, start-up and speed of both engines, as a table.
import { buildSync } from 'esbuild';
import { shortNames } from './names.mjs';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';

const STARTS = 15;
const MESSAGES = 200_000;
const folder = mkdtempSync(join(tmpdir(), 'limpet-bench-'));

function bundle(name, maker) {
  const contents = `export { ${maker} as make } from './src/engine/${name}';`;
  const { outputFiles } = buildSync({ stdin: { contents, resolveDir: '.' }, bundle: true, minify: true, format: 'esm', target: 'es2021', write: false, ...shortNames() });
  return outputFiles[0].text;
}

/* A module is compiled once for each name, so each start is a file of its own. */
async function start(code, i) {
  const path = join(folder, `engine${i}.mjs`);
  writeFileSync(path, code);
  const begin = performance.now();
  const { make } = await import(pathToFileURL(path).href);
  const engine = make();
  return [engine, performance.now() - begin];
}

const named = (engine) => Object.fromEntries(Object.entries(shortNames().mangleCache).map(([name, letter]) => [name, engine[letter]]));

/* A message through the queue: enqueued, written, flushed, its fate taken. */
function speed(e) {
  const c = e.$client();
  e.$init(c, 1, 10, 1000, 60000, 1.5, 1, 5000, 1, 3, 30000, 10000, 2000, 3000, 0, 0, 100, 2 ** 20, 0);
  e.$connect(c, 0);
  while (e.$next(c, 0));
  e.$opened(c, 0, 1);
  while (e.$next(c, 0));
  const begin = performance.now();
  for (let i = 1; i <= MESSAGES; i++) {
    const m = e.$message(10, -1);
    e.$enqueue(c, i, m);
    e.$next(c, i); // WRITE
    e.$written(c, i, 1, m, i * 10);
    e.$flushed(c, i, 1, i * 10);
    e.$next(c, i); // FATE
    e.$freeMessage(m);
  }
  return ((performance.now() - begin) * 1e6) / MESSAGES;
}

async function measure(name, maker) {
  const code = bundle(name, maker);
  const times = [];
  let engine;
  for (let i = 0; i < STARTS; i++) {
    let ms;
    [engine, ms] = await start(code, `${name}${i}`);
    times.push(ms);
  }
  const first = times[0];
  times.sort((a, b) => a - b);
  const e = named(engine);
  speed(e);
  return {
    engine: name,
    minified: code.length,
    'gzip -9': gzipSync(code, { level: 9 }).length,
    'first start, ms': first.toFixed(1),
    'median start, ms': times[STARTS >> 1].toFixed(1),
    'a message, ns': speed(e).toFixed(0),
  };
}

try {
  console.table([await measure('wasm', 'makeWasmEngine'), await measure('js', 'makeJsEngine')]);
} finally {
  rmSync(folder, { recursive: true });
}
