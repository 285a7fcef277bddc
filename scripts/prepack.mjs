// Before `npm pack` and `npm publish`: what the package ships built. Its users have neither a compiler nor tsc.
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, run } from './run.mjs';

run('npm', ['run', '--silent', 'build']);
run('npm', ['run', '--silent', 'build:types']);
run('make', ['-s', '-C', 'guest', 'all', 'js', 'aarch64']);

/** Neither an image of a guest nor each host has the loader that a program header of type PT_INTERP names. */
function isStaticElf(path) {
  const bytes = readFileSync(path);
  if (bytes.readUInt32BE(0) !== 0x7f454c46) return false;
  const [offset, size, count] = [
    Number(bytes.readBigUInt64LE(32)),
    bytes.readUInt16LE(54),
    bytes.readUInt16LE(56),
  ];
  const PT_INTERP = 3;
  for (let index = 0; index < count; index++) {
    if (bytes.readUInt32LE(offset + index * size) === PT_INTERP) return false;
  }
  return true;
}

for (const name of [
  'gondolin-agent',
  'aarch64/gondolin-agent',
  'gondolin-confine',
  'gondolin-js',
]) {
  const path = join(ROOT, 'guest/build', name);
  if (!isStaticElf(path)) {
    console.error(`prepack: ${path} is no static ELF program: run make -C guest clean all`);
    process.exit(1);
  }
  console.error(`prepack: ${name} of ${statSync(path).size} bytes`);
}
