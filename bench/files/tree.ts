import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface TreeSizes {
  /** Files of the git checkout. */
  readonly files: number;
  readonly archiveFiles: number;
  readonly largeMiB: number;
  readonly sources: number;
}

const MIB = 2 ** 20;

/** Fills a directory with what the scenarios use. */
export function makeTree(directory: string, sizes: TreeSizes): void {
  makeCheckout(directory, sizes.files);
  makeArchive(directory, sizes.archiveFiles);
  makeSources(join(directory, 'build'), sizes.sources);
  makeApp(join(directory, 'app'));
  writeFileSync(join(directory, 'large'), randomBytes(sizes.largeMiB * MIB));
  // In one file, from which the guest's own disk is filled by few requests.
  const parts = ['app', 'build', 'large', 'tree'];
  execFileSync('tar', ['-C', directory, '-cf', join(directory, 'all.tar'), ...parts]);
}

/** Makes files in a hundred directories and returns their names. */
function makeFiles(tree: string, files: number): string[] {
  const names = Array.from({ length: files }, (_, index) => `d${index % 100}/file-${index}.txt`);
  for (let index = 0; index < 100; index++) mkdirSync(join(tree, `d${index}`), { recursive: true });
  for (const name of names) writeFileSync(join(tree, name), `${name}\n`.repeat(20));
  return names;
}

function makeArchive(directory: string, files: number): void {
  const tree = join(directory, 'archive');
  makeFiles(tree, files);
  execFileSync('tar', ['-C', tree, '-cf', join(directory, 'archive.tar'), '.']);
  rmSync(tree, { recursive: true });
}

function makeCheckout(directory: string, files: number): void {
  const tree = join(directory, 'tree');
  const names = makeFiles(tree, files);
  writeFileSync(join(directory, 'files.txt'), `${names.join('\n')}\n`);
  const run = (command: string, ...args: string[]) => execFileSync(command, args, { cwd: tree });
  run('git', 'init', '--quiet');
  run('git', 'add', '.');
  const author = ['-c', 'user.name=bench', '-c', 'user.email=bench@example.com'];
  run('git', ...author, 'commit', '--quiet', '--message', 'all');
  run('git', 'repack', '-a', '-d', '--quiet');
  run('git', 'prune-packed', '--quiet');
}

function makeSources(directory: string, sources: number): void {
  mkdirSync(directory);
  const names = Array.from({ length: sources }, (_, index) => `part${index}`);
  for (const [index, name] of names.entries()) {
    const text = `#include "all.h"\nint ${name}(int x) { return x * ${index} + LARGE; }\n`;
    writeFileSync(join(directory, `${name}.c`), text);
  }
  writeFileSync(join(directory, 'all.h'), '#define LARGE 100000\n');
  const objects = names.map((name) => `${name}.o`).join(' ');
  const rules = `all.a: ${objects}\n\tar rc all.a ${objects}\n%.o: %.c all.h\n\tcc -c -o $@ $<\nclean:\n\trm -f *.o all.a\n`;
  writeFileSync(join(directory, 'Makefile'), rules);
}

/** A project whose one dependency is a local package of 300 files, so that no registry takes part. */
function makeApp(directory: string): void {
  const dependency = join(directory, 'dependency');
  mkdirSync(dependency, { recursive: true });
  for (let index = 0; index < 300; index++) {
    writeFileSync(join(dependency, `part${index}.js`), `module.exports = ${index};\n`);
  }
  const described = (name: string, more: object) =>
    `${JSON.stringify({ name, version: '1.0.0', ...more }, null, 2)}\n`;
  writeFileSync(join(dependency, 'package.json'), described('dependency', {}));
  const options = { cwd: directory, encoding: 'utf8' } as const;
  const archive = execFileSync('npm', ['pack', '--silent', './dependency'], options).trim();
  const dependencies = { dependency: `file:${archive}` };
  writeFileSync(join(directory, 'package.json'), described('app', { dependencies }));
  execFileSync('npm', ['install', '--package-lock-only', '--offline', '--silent'], options);
}
