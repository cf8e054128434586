import { expect, test } from 'vitest';
import { redact } from '../../src/client/redact';

// The same as the program's: tests/unit/test_url.c.
test.each([
  ['wss://user:secret@h:1/p', 'wss://***@h:1/p'],
  ['ws://h/p?a=secret&b=secret', 'ws://h/p?a=***&b=***'],
  ['ws://h/p?a=', 'ws://h/p?a=***'],
  ['ws://h/p?secret', 'ws://h/p?***'],
  ['ws://h/p?secret&a=secret', 'ws://h/p?***&a=***'],
  ['ws://h/p?a=x=y&&b=1&', 'ws://h/p?a=***&&b=***&'],
  ['ws://h/p?', 'ws://h/p?'],
  ['ws://h/p@q', 'ws://h/p@q'],
])('%s', (url, redacted) => {
  expect(redact(url)).toBe(redacted);
});
