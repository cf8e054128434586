/** What the widgets show, as small trees that both React and the custom elements render. Pure. */
import type { Metrics, State } from '../client/types';
import type { ConnectionStore } from '../store/connection';
import { durationText, factsOf, LABELS, reconnectingDetail, statusEmoji, statusText, steadyText, type Labels } from '../status/status';

/** A text, or a tag with attributes and children. `onClick` is the only attribute that is no string. */
export type Tree = string | Branch;
export interface Branch {
  tag: string;
  attributes: Record<string, string>;
  onClick?: () => void;
  children: Tree[];
}

/** A corner of the window, or `static`: where it stands in the page. */
export type Position = 'top-left' | 'top-right' | 'bottom-left' | 'bottom-right' | 'static';

/** What is known of a connection, from a store. */
export type Seen = Pick<ConnectionStore, 'fullState' | 'metrics' | 'lastError' | 'attempt' | 'nextRetryAt' | 'client'>;

export interface StatusProps {
  visible?: boolean; // true
  position?: Position; // 'top-right'
  showMetrics?: boolean; // false
  compact?: boolean; // false: true is the emoji alone, the text as its tooltip
  className?: string;
  labels?: Partial<Labels>;
}

export interface BannerProps {
  /** How long trouble must last before the banner comes, in ms; default 2000. */
  delayMs?: number;
  className?: string;
  labels?: Partial<Labels>;
}

export const BANNER_DELAY_MS = 2000;
/** Longer than this a timer cannot wait: it would ring at once. */
export const BANNER_DELAY_MAX_MS = 0x7fffffff;

const TONES: Record<State, string> = {
  CLOSED: 'grey',
  CONNECTING: 'amber',
  CONNECTED: 'green',
  DISCONNECTED: 'red',
  RECONNECTING: 'amber',
  WAITING_FOR_NETWORK: 'red',
  ERROR: 'red',
  FAILED: 'red',
};

export function branch(tag: string, className: string, attributes: Record<string, string>, ...children: (Tree | false)[]): Branch {
  const all = className ? { class: className, ...attributes } : attributes;
  return { tag, attributes: all, children: children.filter((child) => child !== false) };
}

/* What another language has no word for yet keeps its own. */
function wordsOf(labels?: Partial<Labels>): Labels {
  const words: Record<string, unknown> = { ...labels };
  for (const [name, word] of Object.entries(LABELS)) words[name] ??= word;
  return words as unknown as Labels;
}

/** "🟢 Connected (45s)" without the emoji. */
export const textOf = (seen: Seen, labels?: Partial<Labels>): string => statusText(factsOf(seen), wordsOf(labels));

/* Always there, and changed by a new state alone: a screen reader must not hear a clock. */
const announcement = (text: string): Branch => branch('span', 'limpet-heard', { role: 'status' }, text);

const emojiOf = (state: State, label: string): Branch =>
  branch('span', 'limpet-emoji', { role: 'img', 'aria-label': label }, statusEmoji(state));

const dots = (): Branch => branch('span', 'limpet-dots', { 'aria-hidden': 'true' }, ...[1, 2, 3].map(() => branch('i', '', {})));

function metricsOf(metrics: Metrics, words: Labels): Branch {
  const rows: [string, string][] = [
    [words.reconnects, String(metrics.reconnects)],
    [words.queue, String(metrics.queuedMessages)],
    [words.duration, metrics.connected ? durationText(Math.floor(metrics.connectionDurationMs / 1000)) : '–'],
    [words.roundTrip, metrics.rttLastMs ? `${Math.max(1, Math.round(metrics.rttLastMs))} ms` : '–'],
  ];
  return branch('dl', 'limpet-metrics', {}, ...rows.map(([name, value]) => branch('div', '', {}, branch('dt', '', {}, name), branch('dd', '', {}, value))));
}

/** The full widget; null: not visible. */
export function statusTree(seen: Seen, props: StatusProps): Branch | null {
  const { visible = true, position = 'top-right', showMetrics = false, compact = false, className = '' } = props;
  if (!visible) return null;
  const words = wordsOf(props.labels);
  const { fullState: state } = seen;
  const metrics = seen.metrics as Metrics | null;
  const [text, steady] = [textOf(seen, props.labels), steadyText(factsOf(seen), words)];
  const queued = metrics?.queuedMessages ?? 0;
  const classes = `limpet-status limpet-${position} limpet-${TONES[state]}${compact ? ' limpet-compact' : ''} ${className}`.trim();
  return branch(
    'div', classes, compact ? { title: text } : {},
    announcement(steady),
    branch(
      'div', 'limpet-line', {},
      emojiOf(state, steady),
      !compact && branch('span', 'limpet-text', { 'aria-hidden': 'true' }, text),
      !compact && state === 'RECONNECTING' && dots(),
      queued > 0 && branch('span', 'limpet-badge', { role: 'img', 'aria-label': words.queued(queued), title: words.queued(queued) }, String(queued)),
    ),
    showMetrics && !compact && !!metrics && metricsOf(metrics, words),
  );
}

/** One emoji, its tooltip the status. */
export function indicatorTree(seen: Seen, { className = '', labels }: { className?: string; labels?: Partial<Labels> }): Branch {
  const steady = steadyText(factsOf(seen), wordsOf(labels));
  return branch('span', `limpet-indicator ${className}`.trim(), { title: textOf(seen, labels) }, announcement(steady), emojiOf(seen.fullState, steady));
}

/** Whether the banner has something to say, once it has lasted. */
export function isTrouble({ fullState: state, attempt }: Seen): boolean {
  return state !== 'CONNECTED' && state !== 'CLOSED' && (state !== 'CONNECTING' || attempt > 0);
}

function bannerTexts(seen: Seen, words: Labels): [title: string, detail: string] {
  const { fullState: state } = seen;
  if (state === 'WAITING_FOR_NETWORK') return [words.bannerOffline, ''];
  if (state === 'ERROR') return [words.bannerError, textOf(seen, words)];
  if (state === 'FAILED') return [words.bannerFailed, textOf(seen, words)];
  return [words.bannerReconnecting, reconnectingDetail(factsOf(seen), words)];
}

/** The banner. The region that is announced stays when there is nothing to show. */
export function bannerTree(seen: Seen, isShown: boolean, { className = '', labels }: BannerProps): Branch {
  const words = wordsOf(labels);
  const [title, detail] = bannerTexts(seen, words);
  const queued = seen.metrics?.queuedMessages ?? 0;
  const sync = queued > 0 ? words.willSync(queued) : '';
  const heard = isShown ? title : ''; // neither countdown nor count: both move while nothing changes
  const button = branch('button', 'limpet-try', { type: 'button' }, words.tryNow);
  button.onClick = () => seen.client?.retryNow();
  const bar = branch(
    'div', `limpet-bar ${className}`.trim(), {},
    branch('strong', '', { 'aria-hidden': 'true' }, title),
    branch('span', 'limpet-detail', {}, detail),
    branch('span', 'limpet-sync', {}, sync),
    button, // always the fourth: it keeps the focus while the others come and go
  );
  return branch('div', 'limpet-banner', {}, announcement(heard), isShown && bar);
}
