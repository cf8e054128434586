import { len, packed } from './bytes.generated';
import type { Engine } from './engine';
import { unpack } from './unpack';

/** Compiled and instantiated synchronously; throws under a policy without wasm-unsafe-eval. */
export function makeWasmEngine(): Engine {
  return new WebAssembly.Instance(new WebAssembly.Module(unpack(packed, len))).exports as unknown as Engine;
}
