import type { ErrorKind, LimpetError } from '../client/types';

/** An error as pages show it. */
export interface NovaError {
  /** Unique within the page. */
  id: string;
  kind: ErrorKind | 'unknown';
  /** A sentence for people. */
  message: string;
  /** For logs. */
  detail: string;
  /** Whether trying again may cure it; the client does so by itself. */
  retryable: boolean;
  /** Date.now() */
  timestamp: number;
  cause: unknown;
}

let count = 0;

function detailOf(error: unknown): string {
  if (typeof error === 'string') return error;
  const { detail, message, type } = (error ?? {}) as { detail?: unknown; message?: unknown; type?: unknown };
  return String(detail || message || type || '');
}

/** Makes a NovaError of anything that was thrown or reported. */
export function toNovaError(error: unknown): NovaError {
  const { kind, message, retryable } = (error instanceof Error ? error : {}) as Partial<LimpetError>;
  return {
    id: `error-${++count}`,
    kind: kind ?? 'unknown',
    message: kind && message ? message : 'WebSocket error',
    detail: detailOf(error),
    retryable: retryable ?? true,
    timestamp: Date.now(),
    cause: error,
  };
}
