/**
 * The page's own events. A page that is hidden for good, frozen, or put into the back-forward cache lets go of lock and database, so that another tab can go on and the
 * browser may keep the page; it takes them again when it is back.
 */
export interface PageEvents {
  wake(): void;
  leave(): void;
  comeBack(): void;
}

export function watchPage(events: PageEvents): () => void {
  const { wake, leave, comeBack } = events;
  const shown = () => document.visibilityState === 'visible' && wake();
  const page = globalThis.document;
  const removers = [
    on(globalThis, { online: wake, pagehide: leave, pageshow: comeBack }),
    on(page, { visibilitychange: shown, freeze: leave, resume: comeBack }),
  ];
  return () => removers.forEach((remove) => remove());
}

/** Workers have no document, and other places no events at all. */
function on(target: Partial<EventTarget> | undefined, handlers: Record<string, () => void>): () => void {
  const list = Object.entries(handlers);
  for (const [type, handler] of list) target?.addEventListener?.(type, handler);
  return () => {
    for (const [type, handler] of list) target?.removeEventListener?.(type, handler);
  };
}
