// Packs the package and uses it as a stranger would: in a fresh Vite project that type-checks and builds
// with every entry, and from plain Node, where importing an entry must do nothing at all.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const web = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'limpet-package-'));
const { devDependencies, exports } = JSON.parse(readFileSync(join(web, 'package.json'), 'utf8'));
const LIMIT_MS = 120_000;

function run(command, ...args) {
  console.log(`$ ${command} ${args.join(' ')}`);
  return execFileSync(command, args, { cwd: folder, encoding: 'utf8', timeout: LIMIT_MS, stdio: ['ignore', 'pipe', 'inherit'] });
}

const write = (name, text) => writeFileSync(join(folder, name), text);

function makeProject(tarball) {
  const wanted = ['typescript', 'vite', 'react', 'react-dom', '@types/react', '@types/react-dom', 'zustand'];
  const versions = Object.fromEntries(wanted.map((name) => [name, devDependencies[name]]));
  write('package.json', JSON.stringify({ private: true, type: 'module', dependencies: { limpet: `file:${tarball}`, ...versions } }));
  write('tsconfig.json', JSON.stringify({
    compilerOptions: {
      target: 'ES2022', module: 'ESNext', moduleResolution: 'bundler', lib: ['ES2022', 'DOM', 'DOM.Iterable'],
      jsx: 'react-jsx', strict: true, noEmit: true, types: [],
    },
    include: ['src'],
  }));
  write('index.html', '<!doctype html><div id="root"></div><script type="module" src="/src/main.tsx"></script>');
  mkdirSync(join(folder, 'src'));
  write('src/main.tsx', `
import { createRoot } from 'react-dom/client';
import { LimpetSocket, EnhancedWebSocketClient, ConnectionState, calculateBackoffDelay, toNovaError } from 'limpet';
import EnhancedWebSocketService from 'limpet/service';
import { useConnection, useConnectionStore, useErrorStore, useMessagingStore } from 'limpet/store';
import { ConnectionBanner, ConnectionIndicator, ConnectionStatus } from 'limpet/react';
import { defineElements } from 'limpet/elements';
import { OfflineQueue } from 'limpet/offline';
import { useJsEngine } from 'limpet/engine-js';

const socket: WebSocket = new LimpetSocket('wss://example.com/ws', [], { maxRetries: 3, startClosed: true });
const client = new EnhancedWebSocketClient('wss://example.com/ws', { onStateChange: (state: ConnectionState) => console.log(state) });
const service = new EnhancedWebSocketService({ maxReconnectAttempts: 10 });

function App() {
  const { status, isConnected } = useConnection();
  return <><ConnectionStatus position="top-right" /><ConnectionIndicator /><ConnectionBanner />{isConnected && status}</>;
}

defineElements();
useJsEngine();
createRoot(document.getElementById('root')!).render(<App />);
console.log(socket.url, client.getState(), service.getState(), calculateBackoffDelay(0), toNovaError('x').message, new OfflineQueue(),
  useConnectionStore.getState(), useErrorStore.getState(), useMessagingStore.getState());
`);
}

function importInNode() {
  const entries = Object.keys(exports).map((path) => path.replace(/^\./, 'limpet'));
  write('import.mjs', `
const before = [process._getActiveHandles().length, Object.keys(globalThis).length];
for (const name of ${JSON.stringify(entries)}) await import(name);
const after = [process._getActiveHandles().length, Object.keys(globalThis).length];
if (String(before) !== String(after)) throw new Error('importing had an effect: ' + before + ' to ' + after);
`);
  run(process.execPath, 'import.mjs');
}

try {
  execFileSync('npm', ['pack', '--pack-destination', folder, '--loglevel=error'], { cwd: web, stdio: 'ignore', timeout: LIMIT_MS });
  makeProject(join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz'))));
  run('npm', 'install', '--no-audit', '--no-fund', '--loglevel=error');
  run('npx', '--no-install', 'tsc', '-p', '.');
  run('npx', '--no-install', 'vite', 'build', '--logLevel', 'warn');
  importInNode();
  console.log('the packed package type-checks, builds and imports');
} finally {
  rmSync(folder, { recursive: true, force: true });
}
