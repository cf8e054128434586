'use client';
import { createElement, useEffect, useState, type ReactElement } from 'react';
import { connectionStore, type ConnectionStoreApi } from '../store/connection';
import { useValues } from '../store/use-store';
import type { Labels } from '../status/status';
import { adopt } from '../widgets/css';
import {
  BANNER_DELAY_MAX_MS, BANNER_DELAY_MS, bannerTree, indicatorTree, isTrouble, statusTree,
  type BannerProps, type Branch, type Seen, type StatusProps, type Tree,
} from '../widgets/view';

interface WithStore {
  /** Default: the page's own, which follows the newest client. */
  store?: ConnectionStoreApi;
}

export type ConnectionStatusProps = StatusProps & WithStore;
export type ConnectionBannerProps = BannerProps & WithStore;
export interface ConnectionIndicatorProps extends WithStore {
  className?: string;
  labels?: Partial<Labels>;
}

function render(tree: Tree, key?: number): ReactElement | string {
  if (typeof tree === 'string') return tree;
  const { class: className, ...attributes } = tree.attributes;
  const { onClick } = tree;
  return createElement(tree.tag, { ...attributes, className, onClick, key }, ...(tree as Branch).children.map(render));
}

function useSeen(store: ConnectionStoreApi): Seen {
  useEffect(() => adopt(document), []);
  return useValues(store, ({ fullState, metrics, lastError, attempt, nextRetryAt, client }): Seen => ({
    fullState, metrics, lastError, attempt, nextRetryAt, client,
  }));
}

/** The status in full: emoji, text, badge of queued messages, metrics if wished. */
export function ConnectionStatus({ store = connectionStore, ...props }: ConnectionStatusProps): ReactElement | null {
  const tree = statusTree(useSeen(store), props);
  return tree && (render(tree) as ReactElement);
}

/** One emoji, for a header; its tooltip is the status. */
export function ConnectionIndicator({ store = connectionStore, ...props }: ConnectionIndicatorProps): ReactElement {
  return render(indicatorTree(useSeen(store), props)) as ReactElement;
}

/** A bar at the top of the page, once trouble has lasted `delayMs`; gone as soon as it is over. */
export function ConnectionBanner({ store = connectionStore, ...props }: ConnectionBannerProps): ReactElement {
  const seen = useSeen(store);
  const { delayMs = BANNER_DELAY_MS } = props;
  const isWrong = isTrouble(seen);
  const [hasLasted, setHasLasted] = useState(false);
  useEffect(() => {
    if (!isWrong) return;
    const timer = setTimeout(() => setHasLasted(true), Math.min(delayMs, BANNER_DELAY_MAX_MS));
    return () => {
      clearTimeout(timer);
      setHasLasted(false);
    };
  }, [isWrong, delayMs]);
  return render(bannerTree(seen, isWrong && hasLasted, props)) as ReactElement;
}
