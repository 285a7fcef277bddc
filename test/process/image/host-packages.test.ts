import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { readHostPackageFacts } from '../../../src/image/debian/host-packages.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

function hostTree(files: Record<string, string>): string {
  const root = temporaryDirectory();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return root;
}

it('readHostPackageFacts() joins sources.list and both kinds of parts', async () => {
  const root = hostTree({
    'etc/os-release': 'ID=debian\nVERSION_CODENAME=bookworm\n',
    'etc/apt/sources.list': 'deb http://a.example.com/debian bookworm main\n',
    'etc/apt/sources.list.d/b.list': 'deb http://b.example.com/debian bookworm main\n',
    'etc/apt/sources.list.d/c.sources':
      'Types: deb\nURIs: http://c.example.com/debian\nSuites: bookworm\nComponents: main\n',
    'etc/apt/sources.list.d/d.list.save': 'deb http://d.example.com/debian bookworm main\n',
    'usr/share/keyrings/debian-archive-keyring.gpg': 'key',
  });
  const facts = await readHostPackageFacts(root);
  expect(facts).toMatchObject({
    osId: 'debian',
    codename: 'bookworm',
    debianKeyring: join(root, 'usr/share/keyrings/debian-archive-keyring.gpg'),
  });
  expect(facts.sources.map(({ uri }) => uri)).toEqual([
    'http://a.example.com/debian',
    'http://b.example.com/debian',
    'http://c.example.com/debian',
  ]);
});

it('readHostPackageFacts() gives empty facts when the host has no apt', async () => {
  await expect(readHostPackageFacts(temporaryDirectory())).resolves.toEqual({
    sources: [],
    osId: '',
    codename: '',
    debianKeyring: null,
  });
});
