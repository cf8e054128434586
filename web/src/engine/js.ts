import type { Engine } from './engine';
import makeEngine from './js.generated';

/** The same engine as plain JavaScript: larger and slower, but it runs under every policy. */
export function makeJsEngine(): Engine {
  return makeEngine() as Engine;
}
