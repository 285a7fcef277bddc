import { readFile } from 'node:fs/promises';
import { countWords } from './word-count.js';

const [file] = process.argv.slice(2);
if (file === undefined) {
  console.error('usage: node src/cli.js FILE');
  process.exit(2);
}
for (const [word, count] of countWords(await readFile(file, 'utf8')).slice(0, 5)) {
  console.log(`${String(count).padStart(4)} ${word}`);
}
