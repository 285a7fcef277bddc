/**
 * Cold boot beside its floor: the same QEMU, kernel, machine arguments and root disk with a bare init that prints one
 * line and powers off, so that what gondolin adds (modules, root, mounts, channels) is a ratio within one run.
 */

import { VM } from '../src/index.ts';
import { resolveImage } from '../src/vm/resolve-image.ts';
import { bootFloor, buildFloorInitramfs } from './boot-floor.ts';
import { openRounds } from './results.ts';
import { median, milliseconds, ratio } from './statistics.ts';

const { rounds, results } = openRounds('boot', 7);
const size = { cpus: 2, memoryBytes: 512 * 2 ** 20 };
const floors: number[] = [];
const colds: number[] = [];
const { image, release } = await resolveImage({});
const initramfs = await buildFloorInitramfs();

try {
  for (let round = 0; round < rounds; round++) {
    floors.push(await bootFloor(image, initramfs.path, size));
    const started = performance.now();
    const vm = await VM.create({
      ...{ image, cpus: size.cpus, memory: size.memoryBytes, cold: true },
    });
    await vm.exec(['/bin/true']);
    colds.push(performance.now() - started);
    await vm.close();
  }
} finally {
  await initramfs.remove();
  await release();
}

results.add('floor', 'ms', floors);
results.add('cold boot', 'ms', colds);
results.add('cold / floor', 'ratio', [median(colds) / median(floors)]);
console.log(`rounds           ${rounds}, medians`);
console.log(
  `floor            ${milliseconds(median(floors))}  kernel and a bare init, until its first line`,
);
console.log(
  `cold boot        ${milliseconds(median(colds))}  VM.create and the first command's result`,
);
console.log(`cold / floor     ${ratio(median(colds), median(floors))}`);
await results.write();
