/** The code blocks of the package's README, as they stand there. */
import { readFileSync } from 'node:fs';

const text = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

export function readmeBlock(language) {
  const start = text.indexOf(`\`\`\`${language}\n`);
  if (start < 0) throw new Error(`README.md has no block in ${language}`);
  return text.slice(text.indexOf('\n', start) + 1, text.indexOf('\n```', start) + 1);
}
