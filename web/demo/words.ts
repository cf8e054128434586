/** A client's state in a few words, where the page shows it itself. */
import type { Metrics } from '../src/client/types';

export function describe(metrics: Metrics): string {
  const { state, attempt, nextRetryAt, lastError } = metrics;
  switch (state) {
    case 'CONNECTED':
      return 'Connected';
    case 'CONNECTING':
      return 'Connecting';
    case 'WAITING_FOR_NETWORK':
      return 'Waiting for network';
    case 'ERROR':
    case 'FAILED':
      return lastError?.message ?? 'Gave up';
    case 'RECONNECTING':
      return `Reconnecting (attempt ${attempt}${inSeconds(nextRetryAt)})`;
    default:
      return 'Not connected';
  }
}

function inSeconds(at: number | null): string {
  const left = at === null ? 0 : Math.ceil((at - Date.now()) / 1000);
  return left > 0 ? `, in ${left} s` : '';
}
