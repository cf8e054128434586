// Writes what the loaders of src/engine import: the wasm as a string constant, one character a
// byte (gzip packs that better than base64), and wasm2js's code as a function that makes an engine
// (wasm2js instantiates at import; an import of ours must have no effect).
import { readFileSync, writeFileSync } from 'node:fs';

const read = (name) => readFileSync(new URL(`../build/${name}`, import.meta.url));
const write = (name, text) => writeFileSync(new URL(`../src/engine/${name}`, import.meta.url), text);

function wasm() {
  const text = JSON.stringify(read('engine.wasm').toString('latin1'));
  return `export default ${text.replace(/[\u007f-\u00ff]/g, (c) => '\\x' + c.charCodeAt(0).toString(16))};\n`;
}

function js() {
  const code = read('engine.js').toString();
  const end = code.indexOf('var retasmFunc');
  if (end < 0) throw new Error('wasm2js writes something else now: no retasmFunc');
  return `// @ts-nocheck\nexport default function makeEngine(): any {\n${code.slice(0, end)}\nreturn asmFunc({ abort() { throw new Error('limpet: abort'); } });\n}\n`;
}

write('bytes.generated.ts', wasm());
write('js.generated.ts', js());
