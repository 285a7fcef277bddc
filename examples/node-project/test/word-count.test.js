import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { countWords } from '../src/word-count.js';

test('counts words of any case, most frequent first', () => {
  assert.deepEqual(countWords('One two TWO, one two!'), [
    ['two', 3],
    ['one', 2],
  ]);
});

test('sorts equal counts by the alphabet', () => {
  assert.deepEqual(
    countWords('b a').map(([word]) => word),
    ['a', 'b'],
  );
});

test('knows letters beyond ASCII and no numbers', () => {
  assert.deepEqual(countWords('Äpfel 42 äpfel'), [['äpfel', 2]]);
});

test('the program prints the counts of a file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'word-count-'));
  try {
    const file = join(directory, 'text.txt');
    writeFileSync(file, 'to be or not to be');
    const output = execFileSync(process.execPath, ['src/cli.js', file], { encoding: 'utf8' });
    assert.equal(output, '   2 be\n   2 to\n   1 not\n   1 or\n');
  } finally {
    rmSync(directory, { recursive: true });
  }
});
