// The other half of src/engine/unpack.ts: the same prediction, and the coder that spends the bits.
import { transformSync } from 'esbuild';
import { readFileSync } from 'node:fs';

const [RADIX, FIRST] = [92, 35];
const source = readFileSync(new URL('../src/engine/unpack.ts', import.meta.url), 'utf8');
const code = transformSync(source, { loader: 'ts', format: 'esm' }).code;
const { predict, unpack } = await import(`data:text/javascript,${encodeURIComponent(code)}`);

/** The digits of `low`, `count` of them, the first first. */
function digits(low, count) {
  const out = [];
  for (let left = low; out.length < count; left /= BigInt(RADIX)) out.unshift(Number(left % BigInt(RADIX)) + FIRST);
  return String.fromCharCode(...out);
}

export function pack(bytes) {
  let [low, range, count, seen] = [0n, 1, 0, 0];
  predict(bytes.length, (p) => {
    for (; range < 2 ** 32; count++) [low, range] = [low * BigInt(RADIX), range * RADIX];
    const bit = (bytes[seen >> 3] >> (7 - (seen & 7))) & 1;
    seen++;
    const ones = Math.floor(range * p);
    if (!bit) low += BigInt(ones);
    range = bit ? ones : range - ones;
    return bit;
  });
  const text = digits(low + BigInt(range - 1), count);
  if (Buffer.compare(unpack(text, bytes.length), bytes)) throw new Error('unpacking does not give the same');
  return text;
}
