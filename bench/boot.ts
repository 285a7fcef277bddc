/**
 * Cold boot beside its floor: the same QEMU, kernel, machine arguments and root disk with a bare init that prints one
 * line and powers off, so that what gondolin adds (modules, root, mounts, channels) is a ratio within one run.
 */
import { VM } from '../src/index.ts';
import { bootFloor } from './boot-floor.ts';
import { median, milliseconds, ratio } from './statistics.ts';

const rounds = Number(process.argv[2] ?? 7);
const floors: number[] = [];
const colds: number[] = [];

for (let round = 0; round < rounds; round++) {
  floors.push(await bootFloor());
  const started = performance.now();
  const vm = await VM.create({ cpus: 2, memory: '512MiB' });
  await vm.exec('true');
  colds.push(performance.now() - started);
  await vm.close();
}

console.log(`rounds           ${rounds}, medians`);
console.log(
  `floor            ${milliseconds(median(floors))}  kernel and a bare init, until its first line`,
);
console.log(
  `cold boot        ${milliseconds(median(colds))}  VM.create and the first command's result`,
);
console.log(`cold / floor     ${ratio(median(colds), median(floors))}`);
