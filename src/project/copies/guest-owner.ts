import type { VM } from '../../vm/vm.ts';

/** Needs nothing of the image but its shell. */
const PRINT_IDS =
  'while read -r key id _; do case $key in [UG]id:) echo $id;; esac; done < /proc/self/status';

/** Returns the ids of a VM's user, as the guest gives them to its commands. */
export async function guestOwner(vm: Pick<VM, 'exec'>): Promise<{ uid: number; gid: number }> {
  const { stdout } = await vm.exec(['/bin/sh', '-c', PRINT_IDS], { cwd: '/' });
  const [uid = 0, gid = 0] = stdout.trim().split('\n').map(Number);
  return { uid, gid };
}
