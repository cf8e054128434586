import type { ClientOptions } from './types';

/**
 * Options as the client's; some have other names (`aliases`: ours by theirs), and an error about such
 * a one says the name that was given. Of both, ours counts.
 */
export function renamed(given: object, aliases: Record<string, keyof ClientOptions>): Partial<ClientOptions> {
  const options: Record<string, unknown> = { ...given };
  const names: Record<string, string> = {};
  for (const [theirs, ours] of Object.entries(aliases)) {
    if (options[theirs] !== undefined && options[ours] === undefined) {
      options[ours] = options[theirs];
      names[ours] = theirs;
    }
    delete options[theirs];
  }
  return { ...options, names };
}
