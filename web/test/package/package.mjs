// The packed package in a fresh Vite and TypeScript project: it installs, type-checks and builds with
// every entry imported, and the README's React start type-checks; unused code is left out; plain Node imports each entry without an effect.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readmeBlock } from '../readme.mjs';

const web = fileURLToPath(new URL('../..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(web, 'package.json'), 'utf8'));
const folder = mkdtempSync(join(tmpdir(), 'limpet-package-'));
const run = (command, args, cwd = folder) => execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], timeout: 100_000 });
const write = (name, text) => writeFileSync(join(folder, name), text);
const versions = (...names) => Object.fromEntries(names.map((name) => [name, manifest.devDependencies[name]]));
const specifiers = Object.keys(manifest.exports).map((key) => manifest.name + key.slice(1));

function makeProject(tarball) {
  write('package.json', JSON.stringify({
    private: true, type: 'module',
    dependencies: { [manifest.name]: `file:${tarball}`, ...versions('react', 'react-dom') },
    devDependencies: versions('typescript', 'vite', '@types/react', '@types/react-dom'),
  }));
  write('tsconfig.json', JSON.stringify({
    compilerOptions: { target: 'ES2022', module: 'ESNext', moduleResolution: 'bundler', jsx: 'react-jsx', strict: true, noEmit: true, types: [], lib: ['ES2022', 'DOM', 'DOM.Iterable'] },
    include: ['*.ts', '*.tsx'],
  }));
  write('index.html', '<script type="module" src="main.ts"></script>');
  write('Feed.tsx', readmeBlock('tsx'));
  const imports = specifiers.map((specifier, i) => `import * as entry${i} from '${specifier}';`).join('\n');
  write('main.ts', `${imports}\nconsole.log(${specifiers.map((_, i) => `entry${i}`).join(', ')});\n`);
}

function builtText() {
  const assets = join(folder, 'dist/assets');
  return readdirSync(assets).map((name) => readFileSync(join(assets, name), 'utf8')).join('');
}

try {
  const [{ filename, files }] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', folder], web));
  for (const { path } of files) assert.match(path, /^(dist\/|README\.md$|package\.json$|LICENSE$)/);
  makeProject(join(folder, filename));
  run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund']);
  run('npx', ['tsc']);
  run('npx', ['tsc', '--module', 'NodeNext', '--moduleResolution', 'NodeNext']);
  run('npx', ['vite', 'build', '--logLevel', 'error']);
  assert.match(builtText(), /reconnectionDelayGrowFactor/); // an option of LimpetSocket
  write('main.ts', "import { calculateBackoffDelay } from 'limpet';\nconsole.log(calculateBackoffDelay);\n");
  run('npx', ['vite', 'build', '--logLevel', 'error']);
  assert.doesNotMatch(builtText(), /reconnectionDelayGrowFactor/);
  for (const specifier of specifiers) {
    // An effect would keep the process alive, add a global or throw.
    const script = `const before = Reflect.ownKeys(globalThis).length; await import('${specifier}');
      if (Reflect.ownKeys(globalThis).length !== before) throw new Error('a new global');
      if (process.getActiveResourcesInfo().some((name) => name === 'Timeout')) throw new Error('a timer');`;
    run(process.execPath, ['--input-type=module', '-e', script]);
  }
  run(process.execPath, ['--input-type=module', '-e', "(await import('limpet/elements')).defineElements()"]); // as a server renders
  console.log(`package: ${specifiers.length} entries install, type-check, build and import`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
