/** Node 18 keeps `crypto`, which every browser has, out of the globals. */
import { webcrypto } from 'node:crypto';

if (!globalThis.crypto) Object.defineProperty(globalThis, 'crypto', { value: webcrypto, configurable: true });
