/** What the application provides at each dial: values, or functions that are asked for them. */
export type Asked = [string | URL, string | string[] | undefined, string | null | undefined];

export function isPromise(value: unknown): boolean {
  return typeof (value as Promise<unknown> | undefined)?.then === 'function';
}

export const ask = (provided: unknown) => (typeof provided === 'function' ? provided() : provided);
