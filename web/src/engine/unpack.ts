/*
 * The embedded engine is packed bit by bit (engine/pack.mjs is the other half). Each bit is foretold
 * from the last four bytes, seen through the masks of CONTEXTS: what was seen has a cell with a
 * leaning towards 1 and a pace of learning. The leanings add up to a probability, and all cells
 * learn from the bit. An arithmetic coder spends -log2(probability) bits, in digits of base 92, one
 * a character from '#' on. Only + - * / floor and the square root, which IEEE 754 fixes to the last
 * bit, so that every machine foretells the same. The masks, paces and bounds are those that a search
 * found to pack best; others work too, if both halves have them.
 */
const CONTEXTS = [0xe0, 0xff, 0xff00, 0xffff, 0xf0e0e0, 0xff7fe0, 0xffe0f0f0, 0xf0ff00ff];

/** Calls `bit` with each probability of a 1 (it answers the bit) until `len` bytes are there. */
export function predict(len: number, bit: (p: number) => number): Uint8Array {
  const out = new Uint8Array(len);
  const leaning = new Float32Array(2 ** 19);
  const pace = leaning.slice().fill(0.31);
  const cells = new Int32Array(8);
  let last = 0;
  for (let i = 0; i < len; i++) {
    let byte = 1;
    while (byte < 256) {
      let sum = 0;
      for (let k = 0; k < 8; k++)
        sum += leaning[(cells[k] = Math.imul(Math.imul((last & CONTEXTS[k]!) + k * 0x2545f491, 0x2c1b3c6d) + byte, 0x85ebca6b) >>> 13)]!;
      const p = sum / Math.sqrt(1 + sum * sum) / 2.0001 + 0.5;
      const is = bit(p);
      for (let k = 0; k < 8; k++) {
        const cell = cells[k]!;
        leaning[cell]! += (is - p) * pace[cell]!;
        pace[cell] = Math.max(pace[cell]! * 0.954, 0.11);
      }
      byte += byte + is;
    }
    out[i] = byte;
    last = (last << 8) | out[i]!;
  }
  return out;
}

/** The `len` bytes that engine/pack.mjs packed. */
export function unpack(text: string, len: number): Uint8Array {
  let at = 0;
  let code = 0;
  let range = 1;
  return predict(len, (p) => {
    while (range < 2 ** 32) {
      range *= 92;
      code = code * 92 + text.charCodeAt(at++) - 35;
    }
    const ones = Math.floor(range * p);
    if (code < ones) {
      range = ones;
      return 1;
    }
    code -= ones;
    range -= ones;
    return 0;
  });
}
