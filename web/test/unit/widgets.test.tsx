// @vitest-environment jsdom
import { act, StrictMode, type ReactElement } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { renderToString } from 'react-dom/server';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ClientEvents, ClientLike, Metrics, State } from '../../src/client/types';
import { defineElements, type LimpetElement } from '../../src/elements';
import { ConnectionBanner, ConnectionIndicator, ConnectionStatus } from '../../src/react';
import { createConnectionStore, type ConnectionStoreApi } from '../../src/store/connection';

(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;

/** A client that says what the test wants. */
class Puppet {
  retries = 0;
  lastError = null;
  facts: Partial<Metrics> = {};
  private readonly all = new Set<ClientEvents>();

  retryNow = () => void this.retries++;
  listen = (events: ClientEvents) => (this.all.add(events), () => void this.all.delete(events));
  metrics = () =>
    ({ state: 'CLOSED', connected: false, reconnects: 0, queuedMessages: 0, connectionDurationMs: 0, attempt: 0, maxRetries: 10,
      nextRetryAt: null, reason: 'none', rttLastMs: 0, lastError: null, url: '', ...this.facts }) as Metrics;

  become(state: State, facts: Partial<Metrics> = {}): void {
    this.facts = { state, ...facts };
    for (const events of this.all) events.state?.(state, 'CLOSED', 'none');
  }

  get asClient(): ClientLike {
    return this as unknown as ClientLike;
  }
}

let puppet: Puppet;
let store: ConnectionStoreApi;
let root: Root;
let host: HTMLElement;

const show = (element: ReactElement) => act(() => root.render(<StrictMode>{element}</StrictMode>));
const become = (state: State, facts?: Partial<Metrics>) => act(() => puppet.become(state, facts));
const pass = (ms: number) => act(() => void vi.advanceTimersByTime(ms));

beforeEach(() => {
  vi.useFakeTimers();
  puppet = new Puppet();
  store = createConnectionStore();
  store.getState().bind(puppet.asClient);
  host = document.body.appendChild(document.createElement('div'));
  root = createRoot(host);
});

afterEach(() => {
  act(() => root.unmount());
  document.body.replaceChildren();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

const STATES: [State, Partial<Metrics>, string, string][] = [
  ['CLOSED', {}, '⬜', 'Not connected'],
  ['CONNECTING', {}, '🟡', 'Connecting'],
  ['CONNECTED', { connectionDurationMs: 45_999 }, '🟢', 'Connected (45s)'],
  ['DISCONNECTED', {}, '🔴', 'Disconnected'],
  ['RECONNECTING', { attempt: 3 }, '🟡', 'Reconnecting (attempt 3 of 10)'],
  ['WAITING_FOR_NETWORK', {}, '🔴', 'Waiting for network'],
  ['FAILED', {}, '⚠️', 'Gave up after 10 attempts'],
];

describe('ConnectionStatus', () => {
  it.each(STATES)('%s', (state, facts, emoji, text) => {
    show(<ConnectionStatus store={store} />);
    become(state, facts);
    expect(host.querySelector('.limpet-emoji')!.textContent).toBe(emoji);
    expect(host.querySelector('.limpet-text')!.textContent).toBe(text);
    expect(host.querySelectorAll('.limpet-dots')).toHaveLength(state === 'RECONNECTING' ? 1 : 0);
  });

  it('shows how many messages wait, and the metrics if wished', () => {
    show(<ConnectionStatus store={store} showMetrics className="mine" position="bottom-left" />);
    become('RECONNECTING', { queuedMessages: 7, reconnects: 2 });
    expect(host.querySelector('.limpet-badge')!.textContent).toBe('7');
    expect([...host.querySelectorAll('dd')].map((dd) => dd.textContent)).toEqual(['2', '7', '–', '–']);
    expect(host.firstElementChild!.className).toMatch(/limpet-bottom-left.*mine/);
  });

  it('is its emoji alone when compact, with the text as tooltip', () => {
    show(<ConnectionStatus store={store} compact />);
    become('CONNECTED', { connectionDurationMs: 1000 });
    expect(host.querySelector('.limpet-text')).toBeNull();
    expect(host.firstElementChild!.getAttribute('title')).toBe('Connected (1s)');
  });

  it('is nothing when not visible', () => {
    show(<ConnectionStatus store={store} visible={false} />);
    expect(host.innerHTML).toBe('');
  });

  it('tells a screen reader the state, not the seconds', () => {
    show(<ConnectionStatus store={store} />);
    const region = host.querySelector('[role=status]')!;
    become('CONNECTED', { connectionDurationMs: 1000 });
    puppet.facts = { state: 'CONNECTED', connectionDurationMs: 2000 };
    pass(1000);
    expect(host.querySelector('.limpet-text')!.textContent).toBe('Connected (2s)');
    expect(region.textContent).toBe('Connected');
    expect(host.querySelector('[role=status]')).toBe(region);
  });

  it('speaks another language', () => {
    show(<ConnectionStatus store={store} labels={{ connected: 'Verbunden', connectedFor: (duration) => `Verbunden (${duration})` }} />);
    become('CONNECTED');
    expect(host.querySelector('.limpet-text')!.textContent).toBe('Verbunden (0s)');
  });

  it('keeps its own word where another language has none yet', () => {
    show(<ConnectionStatus store={store} labels={{ connectedFor: undefined, queued: undefined }} />);
    become('CONNECTED', { queuedMessages: 1 });
    expect(host.querySelector('.limpet-text')!.textContent).toBe('Connected (0s)');
  });

  it('renders on a server', () => {
    expect(renderToString(<ConnectionStatus store={createConnectionStore()} />)).toContain('Not connected');
    expect(renderToString(<ConnectionBanner store={createConnectionStore()} />)).toContain('role="status"');
  });
});

it('ConnectionIndicator is an emoji with a tooltip', () => {
  show(<ConnectionIndicator store={store} className="navbar-indicator" />);
  become('RECONNECTING', { attempt: 1 });
  expect(host.querySelector('.limpet-emoji')!.textContent).toBe('🟡');
  expect(host.querySelector('.navbar-indicator')!.getAttribute('title')).toBe('Reconnecting (attempt 1 of 10)');
});

describe('ConnectionBanner', () => {
  const bar = () => host.querySelector('.limpet-bar');

  it('comes after two seconds of trouble and goes at once', () => {
    show(<ConnectionBanner store={store} />);
    become('RECONNECTING', { attempt: 1 });
    pass(1999);
    expect(bar()).toBeNull();
    pass(1);
    expect(bar()!.textContent).toContain('Connection lost. Reconnecting…');
    become('CONNECTED');
    expect(bar()).toBeNull();
  });

  it.each([Infinity, 2 ** 31])('stays away with a delay of %s', (delayMs) => {
    show(<ConnectionBanner store={store} delayMs={delayMs} />);
    become('RECONNECTING', { attempt: 1 });
    pass(60_000);
    expect(bar()).toBeNull();
  });

  it('says nothing before there is a connection, nor after disconnect', () => {
    show(<ConnectionBanner store={store} delayMs={0} />);
    for (const state of ['CLOSED', 'CONNECTING'] as const) {
      become(state);
      pass(5000);
      expect(bar()).toBeNull();
    }
  });

  it.each([
    ['WAITING_FOR_NETWORK', 'You are offline.'],
    ['RECONNECTING', 'Connection lost. Reconnecting…'],
    ['FAILED', 'Could not reconnect.'],
  ] as const)('tells %s from the others', (state, text) => {
    show(<ConnectionBanner store={store} delayMs={0} />);
    become(state);
    pass(0);
    expect(bar()!.querySelector('strong')!.textContent).toBe(text);
    expect(host.querySelector('[role=status]')!.textContent).toBe(text);
  });

  it('speaks of syncing only when something waits', () => {
    show(<ConnectionBanner store={store} delayMs={0} />);
    become('RECONNECTING');
    pass(0);
    expect(bar()!.textContent).not.toContain('sync');
    become('RECONNECTING', { queuedMessages: 2 });
    expect(bar()!.textContent).toContain('2 messages will sync when reconnected.');
  });

  it('announces the trouble alone, not how many wait nor the countdown', () => {
    show(<ConnectionBanner store={store} delayMs={0} />);
    become('RECONNECTING', { attempt: 1, queuedMessages: 2 });
    pass(0);
    const heard = host.querySelector('[role=status]')!.textContent;
    become('RECONNECTING', { attempt: 2, queuedMessages: 3 });
    expect(bar()!.textContent).toContain('3 messages');
    expect(host.querySelector('[role=status]')!.textContent).toBe(heard);
    expect(host.querySelector('.limpet-sync')!.closest('[aria-hidden]')).toBeNull();
  });

  it('offers to try now', () => {
    show(<ConnectionBanner store={store} delayMs={0} />);
    become('FAILED');
    pass(0);
    act(() => host.querySelector('button')!.click());
    expect(puppet.retries).toBe(1);
  });
});

describe('the elements', () => {
  const add = (name: string, attributes: Record<string, string> = {}) => {
    defineElements();
    defineElements();
    const element = document.createElement(name) as LimpetElement;
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.client = puppet.asClient;
    return document.body.appendChild(element).shadowRoot!;
  };

  it.each(STATES)('limpet-status shows %s', (state, facts, emoji, text) => {
    const shadow = add('limpet-status', { 'show-metrics': '' });
    puppet.become(state, facts);
    expect(shadow.querySelector('.limpet-emoji')!.textContent).toBe(emoji);
    expect(shadow.querySelector('.limpet-text')!.textContent).toBe(text);
    expect(shadow.querySelector('dl')).not.toBeNull();
  });

  it('keep their nodes, so that focus and live region stay', () => {
    const shadow = add('limpet-banner', { 'delay-ms': '0' });
    puppet.become('RECONNECTING', { attempt: 1 });
    vi.advanceTimersByTime(0);
    const [button, region] = [shadow.querySelector('button')!, shadow.querySelector('[role=status]')];
    button.focus();
    puppet.become('RECONNECTING', { attempt: 2, queuedMessages: 1 });
    expect(shadow.textContent).toContain('attempt 2 of 10');
    expect(shadow.querySelector('[role=status]')).toBe(region);
    expect(shadow.querySelector('button')).toBe(button);
    expect(shadow.activeElement).toBe(button);
    shadow.querySelector('button')!.click();
    expect(puppet.retries).toBe(1);
  });

  it('limpet-indicator follows its client until it is taken out', () => {
    const shadow = add('limpet-indicator');
    puppet.become('CONNECTED');
    expect(shadow.querySelector('.limpet-emoji')!.textContent).toBe('🟢');
    shadow.host.remove();
    puppet.become('FAILED');
    expect(shadow.querySelector('.limpet-emoji')!.textContent).toBe('🟢');
  });

  it('limpet-banner waits, and forgets when it is taken out', () => {
    const shadow = add('limpet-banner');
    puppet.become('WAITING_FOR_NETWORK');
    vi.advanceTimersByTime(1999);
    expect(shadow.querySelector('.limpet-bar')).toBeNull();
    vi.advanceTimersByTime(1);
    expect(shadow.querySelector('.limpet-bar')!.textContent).toContain('You are offline.');
    const { host: banner } = shadow;
    banner.remove();
    document.body.append(banner);
    expect(shadow.querySelector('.limpet-bar')).toBeNull();
  });

  it('limpet-banner takes another delay while it waits', () => {
    const shadow = add('limpet-banner');
    puppet.become('WAITING_FOR_NETWORK');
    shadow.host.setAttribute('delay-ms', '5000');
    vi.advanceTimersByTime(4999);
    expect(shadow.querySelector('.limpet-bar')).toBeNull();
    vi.advanceTimersByTime(1);
    expect(shadow.querySelector('.limpet-bar')).not.toBeNull();
  });

  it('limpet-banner stays away with a delay that no timer can wait', () => {
    const shadow = add('limpet-banner', { 'delay-ms': 'Infinity' });
    puppet.become('WAITING_FOR_NETWORK');
    vi.advanceTimersByTime(60_000);
    expect(shadow.querySelector('.limpet-bar')).toBeNull();
  });

  it('show another store, and the page\'s own again', () => {
    const shadow = add('limpet-status');
    const element = shadow.host as LimpetElement;
    element.store = store;
    puppet.become('CONNECTED');
    expect(shadow.querySelector('.limpet-emoji')!.textContent).toBe('🟢');
    element.store = null;
    expect(shadow.querySelector('.limpet-emoji')!.textContent).toBe('⬜');
    element.remove();
  });
});
