// Writes build/engine.wasm as a string constant, one character a byte: gzip packs it better than base64.
import { readFileSync, writeFileSync } from 'node:fs';

const bytes = readFileSync(new URL('../build/engine.wasm', import.meta.url));
const text = JSON.stringify(Buffer.from(bytes).toString('latin1')).replace(/[\u0080-\u00ff]/g, (c) => '\\x' + c.charCodeAt(0).toString(16));
writeFileSync(new URL('../src/engine/bytes.generated.ts', import.meta.url), `export default ${text};\n`);
