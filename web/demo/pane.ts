/** One person: a client that receives, an outbox that sends, a network that can be broken, and their screen. */
import { Client } from '../src/client/client';
import type { State } from '../src/client/types';
import { newId } from '../src/id';
import { OfflineQueue } from '../src/offline';
import { BadNetwork, RELAY } from './bad-network';
import { Chart } from './chart';
import type { Ledger } from './ledger';
import { Log, type Message } from './log';

export const SLOWER_MS = 300;

interface Frame extends Partial<Message> {
  type: string;
  code?: string;
}

export class Pane {
  readonly network = new BadNetwork();
  readonly client: Client;
  readonly element: HTMLElement;
  private readonly queue: OfflineQueue;
  private readonly log: Log;
  private readonly chart: Chart;
  private last = 0; // sequence number: the replay goes on behind it
  private lostAt = 0; // 0: not lost
  private caughtUp = 0;

  constructor(private readonly name: string, private readonly conversation: string, private readonly ledger: Ledger) {
    this.element = this.makeElement();
    this.log = new Log(this.part('.log'), this.name);
    this.chart = new Chart(this.part('.scale'));
    this.part('.plot').append(this.chart.svg);
    this.queue = this.makeQueue();
    this.client = this.makeClient();
    this.bindElements();
  }

  start(): void {
    this.queue.start();
    this.showWaiting().catch((error) => this.log.event('lost', (error as Error).message));
    this.client.connect();
  }

  get user(): string {
    return this.name.toLowerCase();
  }

  /** Keeps a message in the outbox, from where it goes to the relay; false if that failed. */
  async say(text: string): Promise<boolean> {
    const id = newId();
    this.log.addWaiting(id, text);
    try {
      await this.queue.enqueue({ id, conversationId: this.conversation, userId: this.user, plaintext: text });
      this.ledger.sent(id, this.user);
      return true;
    } catch (error) {
      this.log.remove(id);
      this.log.event('lost', `Not kept: ${(error as Error).message}`);
      return false;
    }
  }

  /** Once a second. */
  draw(): void {
    const metrics = this.client.metrics();
    if (metrics.connected && metrics.rttLastMs > 0) this.chart.roundTrip(metrics.rttLastMs);
    this.chart.draw();
    this.show('rtt', metrics.connected && metrics.rttLastMs > 0 ? milliseconds(metrics.rttLastMs) : '–');
    this.show('reconnects', String(metrics.reconnects));
    this.show('outage', metrics.longestOutageMs > 0 ? seconds(metrics.longestOutageMs) : 'none');
    this.show('waiting', String(this.queue.getSnapshot().pending));
    this.part('.faults').textContent = this.faults();
  }

  private faults(): string {
    return [this.network.isFrozen && 'frozen', this.network.delayMs > 0 && 'delayed'].filter(Boolean).join(', ');
  }

  private part<T extends HTMLElement>(selector: string): T {
    return this.element.querySelector<T>(selector)!;
  }

  private show(metric: string, text: string): void {
    this.part(`[data-metric=${metric}]`).textContent = text;
  }

  private makeElement(): HTMLElement {
    const template = document.querySelector<HTMLTemplateElement>('#pane')!;
    const element = document.importNode(template.content, true).firstElementChild as HTMLElement;
    const [heading, label, input, list] = ['h2', 'label', 'input', '.log'].map((selector) => element.querySelector<HTMLElement>(selector)!);
    heading!.textContent = this.name;
    heading!.id = `${this.user}-name`;
    element.setAttribute('aria-labelledby', heading!.id);
    element.classList.add(this.user);
    list!.setAttribute('aria-label', `What ${this.name} sees`);
    input!.id = `${this.user}-text`;
    input!.setAttribute('placeholder', `Write as ${this.name}`);
    label!.setAttribute('for', input!.id);
    label!.textContent = `Write as ${this.name}`;
    element.querySelector('form')!.addEventListener('submit', (event) => this.submitted(event));
    return element;
  }

  private submitted(event: Event): void {
    event.preventDefault();
    const input = this.part<HTMLInputElement>('input');
    const text = input.value.trim();
    input.value = '';
    if (text) void this.say(text).then((isKept) => isKept || (input.value ||= text));
  }

  private bindElements(): void {
    for (const name of ['limpet-status', 'limpet-banner'])
      Object.assign(this.part(name), { client: this.client });
  }

  /* ---- sending ---- */

  private makeQueue(): OfflineQueue {
    return new OfflineQueue({
      name: `limpet-demo-${this.conversation}-${this.user}`,
      initialDelayMs: 400,
      maxDelayMs: 2_000,
      timeoutMs: 5_000,
      send: (message, signal) => this.post(message, signal),
      events: {
        delivered: (message) => this.log.delivered(message.id),
        failed: (message) => {
          this.ledger.failed(message.id);
          this.log.refused(message.id, message.reason);
        },
      },
    });
  }

  private async post(message: { id: string; plaintext: string }, signal: AbortSignal): Promise<void> {
    const response = await this.network.fetch(`/conversations/${encodeURIComponent(this.conversation)}/messages`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ id: message.id, sender_id: this.user, plaintext: message.plaintext }),
      signal,
    });
    if (!response.ok) throw Object.assign(new Error(`the relay answered ${response.status}`), { status: response.status });
  }

  /** What an earlier page left; the relay may have had it already, and may have been the faster one to bring it. */
  private async showWaiting(): Promise<void> {
    for (const message of await this.queue.pending()) {
      if (this.ledger.wasShown(message.id, this.user)) continue;
      this.log.addWaiting(message.id, message.plaintext);
      this.ledger.sent(message.id, this.user);
    }
  }

  /* ---- receiving ---- */

  private makeClient(): Client {
    const client = new Client({
      url: () => this.url(),
      WebSocket: this.network.WebSocket,
      maxRetries: Infinity,
      initialDelayMs: 500,
      maxDelayMs: 3_000,
      stableAfterMs: 2_000,
      connectTimeoutMs: 3_000,
      heartbeat: 'ping',
      heartbeatIntervalMs: 1_000,
      heartbeatTimeoutMs: 1_000,
      probeTimeoutMs: 1_000,
    });
    client.listen({
      message: (data) => this.received(JSON.parse(data as string) as Frame),
      state: (to, from) => this.stateChanged(to, from),
    });
    return client;
  }

  private url(): string {
    const query = new URLSearchParams({ conversation_id: this.conversation, user_id: this.user, after: String(this.last) });
    return `${location.protocol.replace('http', 'ws')}//${RELAY}/ws?${query.toString()}`;
  }

  private received(frame: Frame): void {
    if (frame.type === 'message') this.messageCame(frame as Message);
    else if (frame.type === 'replayed') this.replayed();
    else if (frame.code === 'unknown_sequence_number' && this.last > 0) this.beginAnew();
  }

  /** The relay's store was lost or put back: all that it has is asked for again. */
  private beginAnew(): void {
    this.last = 0;
    this.ledger.beganAnew();
    this.client.reconnect();
  }

  private messageCame(message: Message): void {
    if (message.sequence_number <= this.last) return; // seen already
    this.last = message.sequence_number;
    if (this.ledger.wasShown(message.id, this.user)) return; // before the relay began anew
    this.caughtUp++;
    this.log.add(message, message.sender_id === this.user);
    this.ledger.shown(message.id, this.user, message.sender_id, message.sequence_number);
  }

  private stateChanged(to: State, from: State): void {
    this.element.dataset.state = to;
    if (from === 'CONNECTED') this.lost();
    if (to !== 'CONNECTED') return;
    this.chart.up(true);
    this.caughtUp = 0;
    this.queue.wake();
  }

  /** Once, until all is caught up on: a link that ends before that was no end of it. */
  private lost(): void {
    this.chart.up(false);
    if (this.lostAt) return;
    this.lostAt = Date.now();
    this.log.event('lost', navigator.onLine ? 'Connection lost' : 'No network');
  }

  private replayed(): void {
    if (!this.lostAt) return;
    const missed = this.caughtUp === 1 ? '1 message' : `${this.caughtUp} messages`;
    this.log.event('back', `Back after ${seconds(Date.now() - this.lostAt)}${this.caughtUp > 0 ? `, caught up on ${missed}` : ', nothing missed'}`);
    this.lostAt = 0;
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function milliseconds(ms: number): string {
  return ms < 1 ? 'under 1 ms' : `${Math.round(ms)} ms`;
}
