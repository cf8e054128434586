/** Gives the room of a collected client in the engine back, where the browser tells of it. */
import type { Engine } from '../engine/engine';

let graves: FinalizationRegistry<{ at: number; messages: Map<number, unknown> }> | undefined;

/** `at` is the client's session in the page's engine, and the keys of `messages` are those of its messages. */
export function bury(engine: Engine, client: object, at: number, messages: Map<number, unknown>): void {
  if (typeof FinalizationRegistry === 'undefined') return;
  graves ??= new FinalizationRegistry((left) => {
    for (const m of left.messages.keys()) engine.$freeMessage(m);
    engine.$freeClient(left.at);
  });
  graves.register(client, { at, messages });
}
