/** A message as JSON, or as it came where it is none. */
export function parseMessage(data: unknown): any {
  if (typeof data !== 'string') return data;
  try {
    return JSON.parse(data);
  } catch {
    return data;
  }
}
