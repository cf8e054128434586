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

/* Whatever was thrown: not even its text can be relied on. */
function textOf(value: unknown): string {
  try {
    return String(value ?? '');
  } catch {
    return '';
  }
}

function detailOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return textOf(error);
  const { detail, message, type, code, reason } = error as Record<string, unknown>;
  return textOf(detail) || textOf(message) || [type, code, reason].map(textOf).filter(Boolean).join(' ');
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
