/** What the tabs of one outbox tell each other. Without BroadcastChannel, or where it is refused, nobody is told, and each looks every 3 s. */
import type { OfflineErrorKind } from './error';

const POLL_MS = 3000;

export interface Notice {
  /** The database has changed, or may have. */
  kind: 'changed' | 'wake' | 'owner';
  /** Of kind `owner`: what only the owner tab knows. */
  sending?: string | null;
  error?: { kind: OfflineErrorKind; message: string } | null;
}

export class Channel {
  #channel: BroadcastChannel | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  readonly #name: string;
  readonly #heard: (notice: Notice) => void;

  constructor(name: string, heard: (notice: Notice) => void) {
    this.#name = name;
    this.#heard = heard;
  }

  start(): void {
    try {
      this.#channel = new BroadcastChannel(this.#name);
      this.#channel.onmessage = (event) => this.#heard(event.data as Notice);
    } catch {
      this.#timer = setInterval(() => this.#heard({ kind: 'changed' }), POLL_MS);
    }
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#channel?.close();
    this.#channel = undefined;
  }

  post(notice: Notice): void {
    this.#channel?.postMessage(notice);
  }
}
