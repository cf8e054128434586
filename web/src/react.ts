'use client';
/** `limpet/react`: the status of the connection as React components. Importing it has no effect. */
export {
  ConnectionBanner, ConnectionIndicator, ConnectionStatus,
  type ConnectionBannerProps, type ConnectionIndicatorProps, type ConnectionStatusProps,
} from './react/widgets';
export { useConnection } from './store/hooks';
export { LABELS, type Labels } from './status/status';
