import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { makeJsEngine } from '../../src/engine/js';
import { makeWasmEngine } from '../../src/engine/wasm';
import { runAgain } from './vectors';

const folder = new URL('../../../tests/vectors/', import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith('.txt'));

/* The same files that tests/unit/test_vectors.c runs natively. */
describe.each([['WebAssembly', makeWasmEngine], ['JavaScript', makeJsEngine]])('the engine in %s', (_, make) => {
  const engine = make();

  it.each(files)('does what the session does: %s', (name) => {
    const text = readFileSync(new URL(name, folder), 'utf8');
    expect(runAgain(engine, text)).toBe(text);
  });
});

it('there are traces', () => expect(files.length).toBeGreaterThanOrEqual(6));
