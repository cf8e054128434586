/** The page's clock and its timers, as the session wants them. */
export type Timer = ReturnType<typeof setTimeout> | undefined;

const LONGEST_TIMER_MS = 0x7fffffff;

export const nowMs = () => Math.floor(performance.now());

/** Rings early where the browser cannot wait so long. */
export function timer(ms: number, callback: () => void): Timer {
  return setTimeout(callback, Math.min(Math.max(ms, 0), LONGEST_TIMER_MS));
}

/** What is no whole number is no time: NaN to the engine. */
export const moment = (value: unknown) => (Number.isSafeInteger(value) ? (value as number) : NaN);
