// Writes what the loaders of src/engine import: the wasm as text, one character a byte, which gzip packs
// better than base64; and wasm2js's code as a function that makes an engine (wasm2js instantiates at
// import; an import of ours must have no effect).
import { readFileSync, writeFileSync } from 'node:fs';

const read = (name) => readFileSync(new URL(`../build/${name}`, import.meta.url));
const write = (name, text) => writeFileSync(new URL(`../src/engine/${name}`, import.meta.url), text);

function wasm() {
  const text = JSON.stringify(read('engine.wasm').toString('latin1'));
  const escape = (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`;
  return `export default ${text.replace(/\\u00(..)/g, '\\x$1').replace(/[\x7f-\xff]/g, escape)};\n`;
}

function js() {
  const code = read('engine.js').toString();
  const end = code.indexOf('var retasmFunc');
  if (end < 0) throw new Error('wasm2js writes something else now: no retasmFunc');
  return `// @ts-nocheck\nexport default function makeEngine(): any {\n${code.slice(0, end)}\nreturn asmFunc({ abort() { throw new Error('limpet: abort'); } });\n}\n`;
}

write('bytes.generated.ts', wasm());
write('js.generated.ts', js());
