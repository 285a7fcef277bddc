import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readCaFiles } from '../../../src/project/sandbox-network.ts';
import { createTestCa } from '../../fixtures/net/certificates.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

const PEM = createTestCa('a root').caPem;

it('readCaFiles() gives the texts of the files in their order', async () => {
  const directory = temporaryDirectory();
  const paths = ['a.pem', 'b.pem'].map((name) => join(directory, name));
  for (const [index, path] of paths.entries()) writeFileSync(path, `# ${index}\n${PEM}`);
  expect(await readCaFiles(paths)).toEqual([`# 0\n${PEM}`, `# 1\n${PEM}`]);
});

it.each([
  ['is missing', null],
  ['holds a key', '-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n'],
  ['holds a broken certificate', PEM.replace('MII', 'AAA')],
  ['is too large', `${PEM}${' '.repeat(4 * 2 ** 20)}`],
])('readCaFiles() fails when a file %s', async (_what, text) => {
  const path = join(temporaryDirectory(), 'ca.pem');
  if (text !== null) writeFileSync(path, text);
  await expect(readCaFiles([path])).rejects.toMatchObject({ code: 'PROJECT_CA_INVALID', exit: 2 });
});
