import type { Data } from './types';

let encoder: TextEncoder | undefined;

/* Most texts are short and plain: counting them is faster than encoding them. */
function isPlain(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false;
  return true;
}

/** Bytes on the wire, as WebSocket.bufferedAmount counts them. */
export function sizeOf(data: unknown): number {
  if (typeof data === 'string')
    return data.length < 1024 && isPlain(data) ? data.length : (encoder ??= new TextEncoder()).encode(data).length;
  const binary = data as { byteLength?: number; size?: number };
  return binary.byteLength ?? binary.size ?? 0;
}

/** The bytes as they are now, which the caller may then change; strings and blobs never change. */
export function copyOf(data: Data): Data {
  if (typeof data === 'string' || !('byteLength' in data)) return data;
  const bytes = ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data);
  return bytes.slice();
}

/** @throws TypeError for what a WebSocket cannot carry: memory that is shared, too. */
export function checkData(data: unknown): asserts data is Data {
  const whole = ArrayBuffer.isView(data) ? data.buffer : data;
  if (typeof data !== 'string' && !/ (Blob|File|ArrayBuffer)]/.test(Object.prototype.toString.call(whole)))
    throw new TypeError('limpet: send() takes a string, Blob, ArrayBuffer or view');
}
