import { toNovaError, type NovaError } from '../nova/error';
import { createStore, type StoreApi } from './store';

const LIMIT = 50;

export interface ErrorStore {
  /** The oldest first; at most the store's limit, then the oldest go. */
  errors: NovaError[];
  addError(error: unknown): void;
  dismiss(id: string): void;
  clear(): void;
}

const isNovaError = (error: unknown): error is NovaError =>
  typeof (error as NovaError | null)?.id === 'string' && typeof (error as NovaError).timestamp === 'number';

/** @internal */
export function checkLimit(limit: number): void {
  if (!(Number.isInteger(limit) && limit > 0)) throw new RangeError(`limpet: invalid_argument: limit ${limit} is not an integer from 1 on`);
}

/**
 * @param limit most errors kept, from 1 on; default 50.
 * @throws RangeError if it is none.
 */
export function createErrorStore(limit = LIMIT): StoreApi<ErrorStore> {
  checkLimit(limit);
  return createStore<ErrorStore>((set) => ({
    errors: [],
    addError: (error) =>
      set(({ errors }) => ({ errors: [...errors, isNovaError(error) ? error : toNovaError(error)].slice(-limit) })),
    dismiss: (id) => set(({ errors }) => ({ errors: errors.filter((error) => error.id !== id) })),
    clear: () => set({ errors: [] }),
  }));
}

export const errorStore: StoreApi<ErrorStore> = createErrorStore();
