/** The engine's numbers as words, in the order of src/session/words.h and failure.h. */
import type { Drop, ErrorKind, Fate, LimpetError, Metrics, Reason, State, Verdict } from './types';

const words = <T>(text: string) => text.split(' ') as unknown as readonly T[];

export const STATES = words<State>(
  'CLOSED CONNECTING CONNECTED DISCONNECTED RECONNECTING WAITING_FOR_NETWORK ERROR FAILED',
);
export const REASONS = words<Reason>(
  'none connect opened lost retry critical gave_up network_down network_up disconnect',
);
export const FATES = words<Fate>('queued stored written confirmed dropped');
export const DROPS = words<Drop>('none overflow expired replaced disconnected cleared');
export const VERDICTS: readonly Verdict[] = ['back_off', 'retry_now', 'give_up'];
/** Beyond the application's verdicts: a link given up for a new one, which is no attempt. */
export const REDIAL = 3;

export type Count = {
  [Name in keyof Metrics]: Metrics[Name] extends number ? Name : never;
}[keyof Metrics];
/* As engine.c's metrics() tells them. */
export const METRICS = words<Count>(
  'reconnects queuedMessages queuedBytes connectionDurationMs messagesIn messagesOut bytesIn bytesOut dropped downtimeMs ' +
    'longestOutageMs rttLastMs rttMinMs rttMeanMs rttMaxMs clockOffsetMs',
);

export const CONNECT_TIMEOUT = 4;
export const CONNECTION_LOST = 8;
export const CLOSED_BY_PEER = 13;
export const GAVE_UP = 15;
export const INVALID_ARGUMENT = 16;
export const PROVIDER = 20;

/* Only what a browser can tell: kind, then the sentence for people (section 7 of the contract). */
const ERRORS: Record<number, readonly [ErrorKind, string]> = {
  4: ['connect_timeout', 'Connection error'],
  8: ['connection_lost', 'Connection error'],
  9: ['heartbeat_timeout', 'Connection lost'],
  13: ['closed_by_peer', 'WebSocket error'],
  15: ['gave_up', 'Gave up reconnecting'],
  16: ['invalid_argument', 'Invalid argument'],
  20: ['provider', 'Credentials not available'],
};

export function makeError(kind: number, closeCode: number, retryable: boolean, detail: string): LimpetError {
  const [name, sentence] = ERRORS[kind]!;
  return Object.assign(new Error(sentence), { kind: name, closeCode, retryable, detail });
}
