// @vitest-environment jsdom
/** The samples of the first document that show the widgets, as written there but for import paths. */
import { act } from 'react';
import { createRoot } from 'react-dom/client';
import { expect, test } from 'vitest';
import { ConnectionBanner, ConnectionIndicator, ConnectionStatus } from '../../src/react';

(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;

test('ConnectionStatus, ConnectionIndicator, ConnectionBanner: usage', () => {
  const host = document.createElement('div');
  const root = createRoot(host);
  act(() =>
    root.render(
      <>
        <ConnectionStatus
          visible={true}
          position="top-right"      // top-left, top-right, bottom-left, bottom-right
          showMetrics={false}       // Show detailed metrics
          compact={false}           // Icon-only mode with tooltip
          className="custom-class"
        />
        <ConnectionIndicator className="navbar-indicator" />
        <ConnectionBanner />
      </>,
    ),
  );
  expect(host.querySelector('.custom-class')!.textContent).toContain('⬜');
  expect(host.querySelector('.navbar-indicator')!.getAttribute('title')).toBe('Not connected');
  expect(host.querySelector('.limpet-bar')).toBeNull();
  act(() => root.unmount());
});

test('Integration into App', () => {
  function App() {
    return (
      <div>
        <ConnectionStatus position="top-right" showMetrics={false} />
        <ConnectionBanner />
        {/* Rest of app */}
      </div>
    );
  }
  const host = document.createElement('div');
  const root = createRoot(host);
  act(() => root.render(<App />));
  expect(host.querySelector('.limpet-top-right .limpet-text')!.textContent).toBe('Not connected');
  act(() => root.unmount());
});
