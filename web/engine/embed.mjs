// Writes what the loaders of src/engine import: the wasm as text; and wasm2js's code as a function that
// makes an engine (wasm2js instantiates at import; an import of ours must have no effect).
import { readFileSync, writeFileSync } from 'node:fs';

/* Moves the most frequent bytes to characters that no minifier escapes. */
const SHIFT = 33;
const ESCAPES = '~!#%&,:;<=>@_`';

const read = (name) => readFileSync(new URL(`../build/${name}`, import.meta.url));
const write = (name, text) => writeFileSync(new URL(`../src/engine/${name}`, import.meta.url), text);

/* A character a byte, shifted; from 128 on the escape and the character 128 before. */
function pack(bytes) {
  const shifted = bytes.map((byte) => byte + SHIFT);
  const escape = [...ESCAPES].find((character) => !shifted.includes(character.charCodeAt(0)));
  if (!escape) throw new Error('the engine uses all characters that could escape others');
  const character = (code) => (code < 128 ? '' : escape) + String.fromCharCode(code & 127);
  return { escape, text: Array.from(shifted, character).join('') };
}

function wasm() {
  const { escape, text } = pack(read('engine.wasm'));
  return `export const shift = ${SHIFT}, escaped = /${escape}[^]/g, text = ${JSON.stringify(text)};\n`;
}

function js() {
  const code = read('engine.js').toString();
  const end = code.indexOf('var retasmFunc');
  if (end < 0) throw new Error('wasm2js writes something else now: no retasmFunc');
  return `// @ts-nocheck\nexport default function makeEngine(): any {\n${code.slice(0, end)}\nreturn asmFunc({ abort() { throw new Error('limpet: abort'); } });\n}\n`;
}

write('bytes.generated.ts', wasm());
write('js.generated.ts', js());
