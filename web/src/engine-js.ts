/**
 * `limpet/engine-js`: the engine for pages whose content security policy refuses WebAssembly
 * (no `wasm-unsafe-eval`). The import alone has no effect.
 *
 * ```ts
 * import { useJsEngine } from 'limpet/engine-js';
 * useJsEngine(); // once, before the first client
 * ```
 */
import { setEngine, setSpareEngine } from './engine/engine';
import { makeJsEngine } from './engine/js';

/**
 * Lets the JavaScript engine be the page's engine. Call it once, before the first client: one that
 * runs already keeps its state in the engine that it began with.
 * @param when `'refused'` (default): only where WebAssembly is refused, found out by trying.
 *   `'always'`: WebAssembly is not even tried, so the policy has nothing to report.
 */
export function useJsEngine(when: 'refused' | 'always' = 'refused'): void {
  if (when === 'always') setEngine(makeJsEngine());
  else setSpareEngine(makeJsEngine);
}
