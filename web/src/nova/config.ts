import type { ClientOptions, Jitter } from '../client/types';

/** How to reconnect, and every other option of the client. */
export interface ReconnectConfig extends Partial<Omit<ClientOptions, 'url'>> {
  /** As `multiplier`; default 1.5. */
  backoffMultiplier?: number;
  /** true is `equal`, false `none`; default true. */
  backoffJitter?: boolean | Jitter;
}

function jitterOf(given: boolean | Jitter | undefined): Jitter | undefined {
  return typeof given === 'boolean' ? (given ? 'equal' : 'none') : given;
}

/** The client's options for these names. An option that is absent or undefined keeps its default. */
export function clientOptions(url: ClientOptions['url'], config: ReconnectConfig): ClientOptions {
  const { backoffMultiplier, backoffJitter, ...rest } = config;
  const options: ClientOptions = { ...rest, url };
  options.heartbeat ??= 'ping';
  options.multiplier ??= backoffMultiplier;
  options.jitter ??= jitterOf(backoffJitter);
  return options;
}
