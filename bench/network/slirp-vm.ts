import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findTool } from '../../src/host/tools.ts';
import { type ImageRecipe, VM } from '../../src/index.ts';
import { SITE } from './start-server.ts';

/** The drivers of the card that gondolin's own guests do not have, in the order in which they load. */
const MODULES = ['failover', 'net_failover', 'virtio_net'];
const CARD = '-netdev user,id=slirp -device virtio-net-pci,netdev=slirp,romfile=';
const LINK_UP = `set -e
for module in ${MODULES.join(' ')}; do insmod /tmp/$module.ko; done
card=$(ls /sys/class/net | grep -v '^lo$')
ip address add 10.0.2.15/24 dev "$card"
ip link set "$card" up
ip route add default via 10.0.2.2
echo '10.0.2.2 ${SITE}' >> /etc/hosts`;

/**
 * A machine like gondolin's own, of the same image and QEMU arguments, with a network card on QEMU's user networking.
 * @param directory  Of this run, for the drivers and the start script.
 */
export async function createSlirpVM(image: ImageRecipe, directory: string): Promise<VM> {
  const vm = await withCard(directory, () =>
    VM.create({ image, cold: true, sandbox: { rootOverlay: true } }),
  );
  const drivers = fetchDrivers(directory, vm.kernelRelease);
  for (const name of MODULES) {
    const stdin = readFileSync(join(drivers, `${name}.ko`));
    await vm.exec(`cat > /tmp/${name}.ko`, { stdin });
  }
  const { exitCode, stderr } = await vm.exec(LINK_UP);
  if (exitCode !== 0) throw new Error(`no network card in the peer's VM: ${stderr}`);
  return vm;
}

/** gondolin finds QEMU in PATH: for this one start a script is in front of it. */
async function withCard(directory: string, create: () => Promise<VM>): Promise<VM> {
  const qemu = findTool('qemu-system-x86_64')?.path ?? '';
  const scripts = join(directory, 'bin');
  mkdirSync(scripts);
  const script = join(scripts, 'qemu-system-x86_64');
  writeFileSync(
    script,
    `#!/bin/sh\ncase "$*" in *virtserialport*) exec ${qemu} "$@" ${CARD};; esac\nexec ${qemu} "$@"\n`,
  );
  chmodSync(script, 0o755);
  const path = process.env['PATH'];
  process.env['PATH'] = `${scripts}:${path}`;
  try {
    return await create();
  } finally {
    process.env['PATH'] = path;
  }
}

/** The kernel's package is fetched again: what gondolin keeps of it has no driver for a card. */
function fetchDrivers(directory: string, release: string): string {
  const run = (program: string, args: readonly string[]) => {
    const { status, stderr } = spawnSync(program, args, { cwd: directory, encoding: 'utf8' });
    if (status !== 0)
      throw new Error(`${program} ${args.join(' ')} ended with ${status}: ${stderr}`);
  };
  run('apt-get', ['download', `linux-image-${release}`]);
  const archive = readdirSync(directory).find((name) => name.endsWith('.deb')) ?? '';
  run('dpkg-deb', ['--extract', archive, 'kernel']);
  const tree = join(directory, 'kernel');
  for (const name of readdirSync(tree, { recursive: true, encoding: 'utf8' })) {
    const module = MODULES.find((each) => name.endsWith(`/${each}.ko`));
    if (module !== undefined) {
      writeFileSync(join(directory, `${module}.ko`), readFileSync(join(tree, name)));
    }
  }
  return directory;
}
