/** The three custom elements. The classes are made at the first call: on a server there is no HTMLElement. */
import type { ClientLike } from '../client/types';
import { connectionStore, createConnectionStore, type ConnectionStoreApi } from '../store/connection';
import type { Labels } from '../status/status';
import { adopt } from '../widgets/css';
import {
  BANNER_DELAY_MAX_MS, BANNER_DELAY_MS, bannerTree, indicatorTree, isTrouble, statusTree, type Branch, type Position, type Seen,
} from '../widgets/view';
import { patch } from './patch';

/** What every element of ours has. */
export interface LimpetElement extends HTMLElement {
  /** The client to show; null (default): the newest of the page. */
  client: ClientLike | null;
  /** The store to show; null (default): the page's own. Setting `client` replaces it. */
  store: ConnectionStoreApi | null;
  /** Words in another language. */
  labels: Partial<Labels>;
}

const POSITIONS = ['top-left', 'top-right', 'bottom-left', 'bottom-right', 'static'];

function makeClasses() {
  abstract class Widget extends HTMLElement implements LimpetElement {
    static observedAttributes = ['position', 'show-metrics', 'compact', 'delay-ms'];
    #store: ConnectionStoreApi = connectionStore;
    #client: ClientLike | null = null;
    #labels: Partial<Labels> = {};
    #stop: (() => void) | undefined;

    constructor() {
      super();
      adopt(this.attachShadow({ mode: 'open' }));
    }

    get client(): ClientLike | null {
      return this.#client;
    }

    set client(client: ClientLike | null) {
      this.#client = client;
      this.#store = client ? createConnectionStore() : connectionStore;
      if (client) this.#store.getState().bind(client);
      if (this.#stop) this.#watch();
    }

    get store(): ConnectionStoreApi | null {
      return this.#store;
    }

    set store(store: ConnectionStoreApi | null) {
      this.#client = null;
      this.#store = store ?? connectionStore;
      if (this.#stop) this.#watch();
    }

    get labels(): Partial<Labels> {
      return this.#labels;
    }

    set labels(labels: Partial<Labels>) {
      this.#labels = labels;
      this.refresh();
    }

    connectedCallback(): void {
      adopt(document); // where the defaults of the colours stand
      /* set before the element was defined: hand it to the accessor */
      for (const name of ['client', 'store', 'labels'] as const) {
        if (!Object.prototype.hasOwnProperty.call(this, name)) continue;
        const value = this[name];
        delete (this as Partial<this>)[name];
        this[name] = value as never;
      }
      this.#watch();
    }

    disconnectedCallback(): void {
      this.#stop?.();
      this.#stop = undefined;
    }

    attributeChangedCallback(): void {
      this.refresh();
    }

    refresh(): void {
      if (!this.#stop) return;
      const tree = this.show(this.#store.getState());
      patch(this.shadowRoot!, tree ? [tree] : []);
    }

    #watch(): void {
      this.#stop?.();
      this.#stop = this.#store.subscribe(() => this.refresh());
      this.refresh();
    }

    abstract show(seen: Seen): Branch | null;
  }

  class Status extends Widget {
    show(seen: Seen): Branch | null {
      const position = this.getAttribute('position') ?? '';
      return statusTree(seen, {
        position: (POSITIONS.includes(position) ? position : 'top-right') as Position,
        showMetrics: this.hasAttribute('show-metrics'),
        compact: this.hasAttribute('compact'),
        labels: this.labels,
      });
    }
  }

  class Indicator extends Widget {
    show(seen: Seen): Branch {
      return indicatorTree(seen, { labels: this.labels });
    }
  }

  class Banner extends Widget {
    #timer: ReturnType<typeof setTimeout> | undefined;
    #hasLasted = false;

    show(seen: Seen): Branch {
      const isWrong = isTrouble(seen);
      if (!isWrong) this.#forget();
      else this.#timer ??= setTimeout(() => ((this.#hasLasted = true), this.refresh()), this.#delayMs());
      return bannerTree(seen, isWrong && this.#hasLasted, { labels: this.labels });
    }

    override disconnectedCallback(): void {
      super.disconnectedCallback();
      this.#forget();
    }

    /* another delay begins anew */
    override attributeChangedCallback(): void {
      this.#forget();
      super.attributeChangedCallback();
    }

    #forget(): void {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#hasLasted = false;
    }

    #delayMs(): number {
      const given = Number(this.getAttribute('delay-ms') ?? BANNER_DELAY_MS);
      return given >= 0 ? Math.min(given, BANNER_DELAY_MAX_MS) : BANNER_DELAY_MS;
    }
  }

  return { 'limpet-status': Status, 'limpet-indicator': Indicator, 'limpet-banner': Banner };
}

/**
 * Registers `<limpet-status>`, `<limpet-indicator>` and `<limpet-banner>`; a second call does nothing,
 * as does any on a server, where there are no elements.
 *
 * Attributes of `<limpet-status>`: `position` (top-left, top-right, bottom-left, bottom-right, static),
 * `show-metrics`, `compact`; of `<limpet-banner>`: `delay-ms` (2000). `hidden` hides each.
 */
export function defineElements(): void {
  if (typeof customElements === 'undefined' || customElements.get('limpet-status')) return;
  for (const [name, element] of Object.entries(makeClasses())) customElements.define(name, element);
}
