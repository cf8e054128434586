/** The demo page: two people, one conversation, and the levers that break their network. */
import { defineElements } from '../src/elements';
import { useJsEngine } from '../src/engine-js';
import { setOffline } from './bad-network';
import { Chatter } from './chatter';
import { Ledger } from './ledger';
import { Pane, SLOWER_MS } from './pane';

const KILLED_MS = 2_500;
/** Characters of a conversation's name: the relay takes 128 bytes. */
const NAME_MAX = 32;

const find = <T extends HTMLElement = HTMLElement>(id: string): T => document.querySelector<T>(`#${id}`)!;

function nameInAddress(): string {
  const raw = location.hash.slice(1);
  try {
    return decodeURIComponent(raw);
  } catch {
    return raw; // typed by somebody: `#100%`
  }
}

/** Neither empty, nor what no path can name, nor what the relay refuses. */
const isName = (name: string) => !/^\.{0,2}$|\p{Cc}/u.test(name);

/** Named in the address, so that a reload and a second tab come back to it. */
function conversation(): string {
  const given = [...nameInAddress()].slice(0, NAME_MAX).join('');
  const name = isName(given) ? given : `demo-${crypto.getRandomValues(new Uint32Array(1))[0]!.toString(36)}`;
  history.replaceState(null, '', `#${encodeURIComponent(name)}`);
  return name;
}

useJsEngine(); // where WebAssembly is refused, by the browser or by a policy in between
defineElements();
const ledger = new Ledger();
const name = conversation();
const panes = ['Ann', 'Bob'].map((person) => new Pane(person, name, ledger));
const networks = panes.map((pane) => pane.network);

function tell(news: string): void {
  find('news').textContent = news;
}

/* ---- whose link ---- */

function victims(): Pane[] {
  const chosen = Number(document.querySelector<HTMLInputElement>('[name=victim]:checked')!.value);
  return panes.filter((_, i) => chosen === 2 || chosen === i);
}

function names(): string {
  return victims().map((pane) => pane.element.querySelector('h2')!.textContent).join(' and ');
}

const isFrozen = () => victims().every((pane) => pane.network.isFrozen);
const isDelayed = () => victims().every((pane) => pane.network.delayMs > 0);

/** What a pressed button says is how to undo it. */
function press(id: string, isPressed: boolean): void {
  const button = find(id);
  const line = button.querySelector('span')!;
  button.dataset.says ??= line.textContent!;
  button.setAttribute('aria-pressed', String(isPressed));
  line.textContent = isPressed ? button.dataset.undo! : button.dataset.says;
}

function showPressed(): void {
  press('freeze', isFrozen());
  press('delay', isDelayed());
}

/* ---- the levers ---- */

let hasLevers = false;
let isOffline = false;

/** By the relay, which tears the TCP connection; where it has no such lever, by closing the socket below the client. */
async function cut(pane: Pane): Promise<void> {
  const query = new URLSearchParams({ conversation_id: name, user_id: pane.user });
  const done = hasLevers && (await fetch(`/demo/cut?${query.toString()}`, { method: 'POST' }).catch(() => null));
  if (!done || !done.ok) pane.network.cut();
}

const breakers: Record<string, () => void> = {
  cut() {
    for (const pane of victims()) void cut(pane);
    tell(`The connection of ${names()} is cut`);
  },
  freeze() {
    const thaws = isFrozen();
    for (const pane of victims()) {
      if (thaws) pane.network.thaw();
      else pane.network.freeze();
    }
    tell(`The link of ${names()} ${thaws ? 'carries again' : 'is frozen'}`);
  },
  delay() {
    const delayMs = isDelayed() ? 0 : SLOWER_MS;
    for (const pane of victims()) pane.network.delayMs = delayMs;
    tell(`The link of ${names()} is ${delayMs ? 'slow' : 'fast again'}`);
  },
  offline() {
    isOffline = !isOffline;
    setOffline(isOffline, networks);
    press('offline', isOffline);
    tell(isOffline ? 'This page is offline' : 'This page is online again');
  },
  kill() {
    const button = find<HTMLButtonElement>('kill');
    if (button.getAttribute('aria-disabled') === 'true') return;
    button.setAttribute('aria-disabled', 'true');
    setTimeout(() => button.removeAttribute('aria-disabled'), KILLED_MS);
    void fetch('/demo/kill', { method: 'POST' }).catch(() => tell('The relay is dead'));
  },
};

function watchBreakers(): void {
  for (const [id, run] of Object.entries(breakers))
    find(id).addEventListener('click', () => {
      run();
      showPressed();
      draw();
    });
  for (const radio of document.querySelectorAll('[name=victim]')) radio.addEventListener('change', showPressed);
}

/** Only `limpet demo --keep` lets a page kill its relay, since it starts it again. */
async function findLevers(): Promise<void> {
  const health = (await (await fetch('/healthz')).json()) as { levers?: boolean };
  hasLevers = health.levers === true;
  find('kill').hidden = !hasLevers;
}

/* ---- the account ---- */

function draw(): void {
  const totals = ledger.totals();
  for (const [id, count] of Object.entries(totals)) find(id.toLowerCase()).textContent = count.toLocaleString('en');
  find('lost').classList.toggle('wrong', totals.lost > 0);
  find('repeated').classList.toggle('wrong', totals.repeated > 0);
}

/* ---- writing by itself ---- */

const chatter = new Chatter((who, text) => void panes[who]!.say(text), showChatter);

/** Somebody who listens to the page must not drown in it. */
function showChatter(): void {
  find('chatter').setAttribute('aria-checked', String(chatter.isOn));
  for (const pane of panes) pane.element.querySelector('.log')!.setAttribute('aria-live', chatter.isOn ? 'off' : 'polite');
}

find('chatter').addEventListener('click', () => {
  chatter.set(!chatter.isOn);
  showChatter();
});

/* ---- the beginning ---- */

find('panes').append(...panes.map((pane) => pane.element));
find<HTMLAnchorElement>('invite').href = location.href;
window.addEventListener('hashchange', () => location.reload());
watchBreakers();
void findLevers().catch(() => tell('The relay does not answer yet'));
for (const pane of panes) pane.start();
chatter.set(true);
showChatter();
setInterval(draw, 250);
setInterval(() => panes.forEach((pane) => pane.draw()), 1_000);
panes.forEach((pane) => pane.draw());
