import bytes from './bytes.generated';
import type { Engine } from './engine';

/** Compiled and instantiated synchronously; throws under a policy without wasm-unsafe-eval. */
export function makeWasmEngine(): Engine {
  const code = Uint8Array.from(bytes, (character) => character.charCodeAt(0));
  return new WebAssembly.Instance(new WebAssembly.Module(code)).exports as unknown as Engine;
}
