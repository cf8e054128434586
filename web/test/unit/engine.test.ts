import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

const refuse = () => {
  vi.stubGlobal('WebAssembly', {
    validate: () => true, // as browsers do under such a policy
    Module: class {
      constructor() {
        throw new Error('Refused to compile: unsafe-eval');
      }
    },
  });
};

describe('the page gets its engine', () => {
  beforeEach(() => vi.resetModules());
  afterEach(() => vi.unstubAllGlobals());

  it('from WebAssembly, once', async () => {
    const { getEngine } = await import('../../src/engine/engine');
    expect(getEngine().memory).toBeInstanceOf(WebAssembly.Memory);
    expect(getEngine()).toBe(getEngine());
  });

  it('from JavaScript where WebAssembly is refused, if that was registered', async () => {
    refuse();
    const { getEngine } = await import('../../src/engine/engine');
    const { useJsEngine } = await import('../../src/engine-js');
    useJsEngine();
    const engine = getEngine();
    expect(engine.$backoff(60000, 1000, 1.5, 0, 2, 0)).toBe(2250);
  });

  it('not by the import alone: an error names what to call', async () => {
    refuse();
    const { getEngine } = await import('../../src/engine/engine');
    await import('../../src/engine-js');
    expect(() => getEngine()).toThrow(/useJsEngine.*limpet\/engine-js.*unsafe-eval/);
  });

  it('without trying WebAssembly if told so', async () => {
    const { getEngine } = await import('../../src/engine/engine');
    const { useJsEngine } = await import('../../src/engine-js');
    useJsEngine('always');
    expect(getEngine().memory).not.toBeInstanceOf(WebAssembly.Memory);
  });
});
