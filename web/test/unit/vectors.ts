import type { Engine } from '../../src/engine/engine';

/* Runs traces of tests/vectors on an engine and writes what happened, as tests/support/vectors.c does. */

const STATES = ['CLOSED', 'CONNECTING', 'CONNECTED', 'DISCONNECTED', 'RECONNECTING', 'WAITING_FOR_NETWORK', 'ERROR', 'FAILED'];
const REASONS = ['none', 'connect', 'opened', 'lost', 'retry', 'critical', 'gave_up', 'network_down', 'network_up', 'disconnect'];
const FATES = ['queued', 'stored', 'written', 'confirmed', 'dropped'];
const DROPS = ['none', 'overflow', 'expired', 'replaced', 'disconnected', 'cleared', 'not_stored'];
const KINDS = [
  'none', 'dns', 'network_unreachable', 'connect_refused', 'connect_timeout', 'tls', 'tls_verify', 'proxy', 'connection_lost',
  'heartbeat_timeout', 'http_status', 'handshake', 'protocol', 'closed_by_peer', 'message_too_big', 'gave_up', 'invalid_argument',
  'not_connected', 'queue_overflow', 'outbox', 'provider', 'no_memory', 'system',
];
const FIRST_RTT = 11; // metrics from here to clock_offset_ms are milliseconds, microseconds in the traces

const number = (word: string | undefined) => (word === undefined || word === '-' ? -1 : Number(word));
const moment = (ms: number) => (ms < 0 ? '-' : String(ms));

class Trace {
  private c: number;
  private messages = new Map<number, number>(); // address by id
  private inputs: Record<string, unknown>;
  readonly out: string[] = [];

  constructor(private e: Engine) {
    this.c = e.$client();
    this.inputs = {
      connect: e.$connect, disconnect: e.$disconnect, ready: e.$ready, healthy: e.$healthy, probe: e.$probe, clear: e.$clear,
      down: e.$down, up: e.$up, tick: e.$tick, opened: e.$opened, asked: e.$asked, flushed: e.$flushed,
    };
  }

  private idOf(address: number): number {
    return [...this.messages].find(([, m]) => m === address)![0];
  }

  private action(kind: number): string {
    const [, epoch, ...r] = new Uint32Array(this.e.memory.buffer, this.e.$results(), 6) as unknown as [number, number, number, number, number, number];
    switch (kind) {
      case 1: return `dial ${epoch}`;
      case 2: return `abort ${epoch}`;
      case 3: return `late ${KINDS[r[0] & 255]} ${r[1]} ${r[0] >> 8 & 1}`;
      case 4: return `close ${epoch} ${r[0]}`;
      case 5: return `ask ${epoch}`;
      case 6: return `write ${epoch} ${this.idOf(r[0])}`;
      case 7: return `state ${STATES[r[0]]} ${STATES[r[1]]} ${REASONS[r[2]]}`;
      case 8: return `error ${KINDS[r[0] & 255]} ${r[1]} ${r[0] >> 8 & 1}`;
      case 9: return `retry ${r[0]} ${r[1]} ${r[2]}`;
      case 10: return `opened ${epoch}`;
      case 11: return `ended ${epoch}`;
      case 12: return `fate ${this.idOf(r[0])} ${FATES[r[1]]} ${DROPS[r[2]]}${r[3] & 1 ? ' final' : ''}`;
      default: throw new Error(`action ${kind}`);
    }
  }

  private takeActions(now: number): void {
    const { e, c } = this;
    for (let kind; (kind = e.$next(c, now)); ) this.out.push('  ' + this.action(kind));
    this.out.push(`  = ${moment(e.$deadline(c))} ${moment(e.$retryAt(c))} ${e.$attempt(c)} ${e.$isOpen(c)}`);
  }

  private metrics(now: number): string {
    this.e.$metrics(this.c, now);
    return [...new Float64Array(this.e.memory.buffer, this.e.$results(), 16)].map((x, i) => (i >= FIRST_RTT && i < 15 ? Math.round(x * 1000) : x)).join(' ');
  }

  private send(now: number, id: number, len: number, expires: number): number {
    const m = this.e.$message(len, expires);
    this.messages.set(id, m);
    return this.e.$enqueue(this.c, now, m);
  }

  /* Words that the traces have and the engine's functions do not take. */
  private special(verb: string, w: string[], n: number[]): unknown {
    const { e, c } = this;
    switch (verb) {
      case 'send': return this.send(n[0]!, n[1]!, n[2]!, n[3]!);
      case 'lost': return e.$lost(c, n[0]!, n[1]!, KINDS.indexOf(w[2]!), n[3]!, n[4]!);
      case 'written': return e.$written(c, n[0]!, n[1]!, this.messages.get(n[2]!)!, n[3]!);
      case 'reply': return e.$reply(c, n[0]!, n[1]!, n[2]! < 0 ? NaN : n[2]!, n[3]! < 0 ? NaN : n[3]!);
      case 'metrics': return this.metrics(n[0]!);
      case 'verdict': return e.$verdict(c, KINDS.indexOf(w[1]!), n[2]!, n[3]!);
      case 'backoff': return e.$backoff(n[1]!, n[2]!, n[3]!, n[4]!, n[5]!, n[6]!);
      case 'writable': return e.$writable(c, n[1]!, n[2]!);
      case 'received': return e.$received(c, n[1]!, n[2]!);
      case 'sent': return e.$sent(c, n[1]!, n[2]!);
      default: return (this.inputs[verb] as (...a: number[]) => unknown)(c, ...n);
    }
  }

  line(line: string): void {
    this.out.push(line);
    const [verb, ...w] = line.split(' ') as [string, ...string[]];
    const n = w.map(number);
    if (!verb || verb === '#' || verb === 'trace') return;
    if (verb === 'config') return this.e.$init(...([this.c, ...n] as unknown as Parameters<Engine['$init']>));
    const result = this.special(verb, w, n);
    if (result !== undefined) this.out.push(`  > ${result}`);
    this.takeActions(n[0]!);
  }
}

/** The text with the lines of what happened written by this engine. */
export function runAgain(engine: Engine, text: string): string {
  const trace = new Trace(engine);
  for (const line of text.split('\n')) if (!line.startsWith(' ')) trace.line(line);
  return trace.out.join('\n');
}
