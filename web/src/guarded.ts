/** Runs an application's code: its error is the application's, reported as uncaught, and stops nothing here. */
export function guarded(call: () => void): void {
  try {
    call();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
