// The engine's exports have one letter, and in the sources a name: `memory`, and others that begin with `$`
// so that no other property has them.
import { readFileSync } from 'node:fs';

/** Esbuild's options that put the letters in, for everything that is made from the sources. After build.sh. */
export function shortNames() {
  const lines = readFileSync(new URL('../build/exports.txt', import.meta.url), 'utf8').trim().split('\n');
  const letters = Object.fromEntries(lines.map((line) => line.split(' => ')));
  return {
    mangleProps: new RegExp(`^(${Object.keys(letters).join('|').replaceAll('$', '\\$')})$`),
    mangleCache: letters,
  };
}
