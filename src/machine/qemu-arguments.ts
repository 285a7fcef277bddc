import type { GuestArch } from '../host/tools.ts';
import { checkMachineSpec, type MachineDisk, type MachineSpec, MIB } from './machine-spec.ts';

/**
 * File descriptors QEMU inherits, one end of a socket pair each: no channel has a path on disk. 0 to 2 are
 * standard input, output and error.
 */
export const CHANNEL_FDS = { qmp: 3, console: 4, control: 5, fs: 6 } as const;

/** Descriptor of a restored machine's saved state: an open file, not a socket. */
export const STATE_FD = 7;

/** Descriptor to which QEMU writes a saved state: it cannot open files by name. `qemu-process.ts` passes it on. */
export const SAVE_FD = 8;
const SAVE_SET = 1;
/** Path that QEMU opens to write there. */
export const SAVE_PATH: string = `/dev/fdset/${SAVE_SET}`;

/** First descriptor of the open disk images, in the order of the spec. */
export const FIRST_DISK_FD = 9;
const FIRST_DISK_SET = 2;

/** Serial number of the root's disk (guest/src/system/root.c). */
const ROOT_DISK_SERIAL = 'root';

/** Serial number of the disk for replies (guest/src/file/reply_disk.c). */
const REPLY_DISK_SERIAL = 'replies';

/** Serial number of a disk, by which the guest finds it. */
export function diskSerial(index: number): string {
  return `disk${index}`;
}

/** Serial number of a further image, by which the guest finds it. */
export function imageSerial(index: number): string {
  return `image${index}`;
}

/** Names of the virtio-serial ports, as the agent looks them up (docs/protocol.md). */
const PORT_NAMES = { control: 'gondolin.control', fs: 'gondolin.fs' } as const;

export interface QemuArgumentsInput {
  readonly spec: MachineSpec;
  readonly accelerator: 'kvm' | 'tcg';
  /** Shown by ps; a sweep finds the machine by it, see session-record.ts. */
  readonly name: string;
  /** Restores the state at STATE_FD instead of starting the kernel. @default false */
  readonly isRestored?: boolean;
}

/**
 * Returns the arguments of QEMU for one machine. Pure, so that a test can compare the whole list and the
 * template key can include it. The reason for each: docs/decisions/0003-machine.md.
 * @throws {GondolinError} MACHINE_SPEC_INVALID
 */
export function buildQemuArguments(input: QemuArgumentsInput): string[] {
  const { spec, accelerator, name, isRestored = false } = input;
  const { arch = 'x86_64' } = spec;
  checkMachineSpec(spec);
  return [
    ...['-name', `guest=${escapeValue(name)}`],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...['-sandbox', SANDBOX],
    ...memory(spec),
    ...processor(accelerator, arch),
    ...['-smp', processors(spec.cpus, accelerator, arch), '-m', `${spec.memoryBytes / MIB}M`],
    // A restored guest has its kernel in its RAM.
    ...(isRestored ? ['-incoming', `fd:${STATE_FD}`] : kernel(spec, accelerator)),
    // Saved states lack this section (and that of suppress-vmdesc), and QEMU would refuse them without it.
    ...['-global', 'migration.send-configuration=off'],
    ...['-add-fd', `fd=${SAVE_FD},set=${SAVE_SET}`],
    ...[...socketChannel('qmp'), '-mon', 'chardev=qmp,mode=control'],
    ...[...socketChannel('console'), ...SERIAL_PORT[arch]],
    ...ports(accelerator),
    ...(spec.rootfsPath === null ? [] : imageDrive(spec.rootfsPath, 'root', '')),
    ...(spec.disks ?? []).flatMap((disk, index) => diskDrive(disk, diskSerial(index), index)),
    ...rootDiskDrive(spec),
    ...(spec.images ?? []).flatMap((path, index) =>
      imageDrive(path, imageSerial(index), `,serial=${imageSerial(index)}`),
    ),
    ...replyDiskDrive(spec, accelerator),
  ];
}

/** Doubles the commas of a value in QEMU's `key=value,key=value` options. */
export function escapeValue(value: string): string {
  return value.replaceAll(',', ',,');
}

/** seccomp: no old system calls, no new privileges, no fork or exec, no scheduling changes. */
const SANDBOX = 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny';

/** Boards. q35 is without devices that a guest would only have to probe: no card, bus or port other than those below. */
const MACHINES: Readonly<Record<GuestArch, string>> = {
  x86_64: 'q35,usb=off,vmport=off,sata=off,smbus=off,i8042=off,suppress-vmdesc=on',
  // Version 3 of the interrupt controller: version 2 serves 8 processors at most.
  aarch64: 'virt,gic-version=3,usb=off,suppress-vmdesc=on',
};

const SERIAL_PORT: Readonly<Record<GuestArch, readonly string[]>> = {
  x86_64: ['-device', 'isa-serial,chardev=console'],
  // It is part of the board.
  aarch64: ['-serial', 'chardev:console'],
};
const CONSOLES: Readonly<Record<GuestArch, string>> = { x86_64: 'ttyS0', aarch64: 'ttyAMA0' };

/** RAM always has a descriptor, so that guest-ram.ts can find and copy it while QEMU runs. */
function memory({ arch = 'x86_64', ram = { kind: 'fresh' }, memoryBytes }: MachineSpec): string[] {
  const backend =
    ram.kind === 'fresh'
      ? 'memory-backend-memfd,share=on'
      : `memory-backend-file,mem-path=${escapeValue(ram.path)},share=off`;
  const object = `${backend},id=ram,size=${memoryBytes / MIB}M`;
  return ['-object', object, '-machine', `${MACHINES[arch]},memory-backend=ram`];
}

function kernel(spec: MachineSpec, accelerator: 'kvm' | 'tcg'): string[] {
  const files = ['-kernel', spec.vmlinuxPath, '-initrd', spec.initramfsPath];
  return [...files, '-append', kernelCommandLine(spec, accelerator)];
}

function processor(accelerator: 'kvm' | 'tcg', arch: GuestArch): string[] {
  if (arch === 'aarch64') return ['-accel', 'tcg,thread=multi', '-cpu', ARM_PROCESSOR];
  if (accelerator === 'kvm') return ['-accel', 'kvm', '-cpu', 'host'];
  return [
    '-accel',
    'tcg,thread=multi',
    '-cpu',
    `max${TCG_WITHOUT.map((flag) => `,-${flag}`).join('')}`,
  ];
}

/**
 * Under TCG each processor is a package. Where they share a cache the kernel wakes a thread on an idle one, which takes an interrupt and
 * the start of another thread of QEMU: programs that wait for each other, or for files, then take three times as long.
 */
function processors(cpus: number, accelerator: 'kvm' | 'tcg', arch: GuestArch): string {
  return accelerator === 'tcg' && arch === 'x86_64' ? `${cpus},sockets=${cpus}` : String(cpus);
}

/** It has the atomic instructions of ARMv8.1, and neither pointer authentication nor SVE, which cost time under TCG. */
const ARM_PROCESSOR = 'neoverse-n1';

/**
 * Processor features that cost time under TCG and that a kernel does not need. `rep movsb` (erms) runs byte by byte: guest
 * kernels copy in words 3 to 5 times faster. A fifth level of page tables (la57) lengthens each walk. The others end a
 * translated block at each kernel entry and each copy from user memory.
 */
const TCG_WITHOUT = ['erms', 'la57', 'smap', 'smep', 'umip', 'pku'];

/**
 * A panic reboots at once (panic=-1), and a reboot ends QEMU (-no-reboot). The crypto self-tests would take
 * half a second of each boot under TCG; the distribution ran them when it built the kernel. The rest removes from every
 * system call what a sandbox does not need: pressure statistics, audit records, AppArmor profiles (Landlock stays).
 */
const KERNEL_ARGUMENTS = [
  ...['quiet', 'panic=-1', 'cryptomgr.notests'],
  ...['psi=0', 'audit=0', 'lsm=landlock,yama', 'nowatchdog'],
];

/**
 * TCG does not run the guest's instructions on the processor, so mitigations of speculation gain nothing; nor do huge pages.
 * It translates code for the address at which it runs: with random addresses each process is translated again.
 */
const TCG_KERNEL_ARGUMENTS = [
  'mitigations=off',
  'transparent_hugepage=never',
  'init_on_alloc=0',
  'norandmaps',
];

/**
 * Clocks of emulated x86 processors. The kernel does not trust the counters of several packages, and would read the time from a
 * device (HPET): thousands of instructions and a lock of QEMU's for each timestamp. QEMU derives all counters from one.
 */
const CLOCK_ARGUMENTS: Readonly<Record<GuestArch, readonly string[]>> = {
  x86_64: ['tsc=reliable'],
  aarch64: [],
};

function kernelCommandLine(spec: MachineSpec, accelerator: 'kvm' | 'tcg'): string {
  const { arch = 'x86_64' } = spec;
  const forTcg = [...TCG_KERNEL_ARGUMENTS, ...CLOCK_ARGUMENTS[arch]];
  const forAccelerator = accelerator === 'tcg' ? forTcg : [];
  const console = `console=${CONSOLES[arch]}`;
  return [console, ...KERNEL_ARGUMENTS, ...forAccelerator, ...(spec.kernelArguments ?? [])].join(
    ' ',
  );
}

function socketChannel(id: keyof typeof CHANNEL_FDS): string[] {
  return ['-chardev', `socket,id=${id},fd=${CHANNEL_FDS[id]}`];
}

function ports(accelerator: 'kvm' | 'tcg'): string[] {
  // Under TCG a kick by eventfd passes through the main loop: 200 µs per round trip instead of 120.
  const kick = accelerator === 'tcg' ? ',ioeventfd=off' : '';
  return [
    ...['-device', `virtio-serial-pci,id=ports,disable-legacy=on,max_ports=3${kick}`],
    ...[...socketChannel('control'), '-device', port('control', 1)],
    ...[...socketChannel('fs'), '-device', port('fs', 2)],
  ];
}

function port(id: keyof typeof PORT_NAMES, number: number): string {
  return `virtserialport,bus=ports.0,nr=${number},chardev=${id},name=${PORT_NAMES[id]}`;
}

function imageDrive(path: string, name: string, options: string): string[] {
  // No locks: an image never changes under its name, and any number of machines may read it.
  const file = `file.driver=file,file.filename=${escapeValue(path)},file.locking=off`;
  return [
    ...['-blockdev', `driver=raw,node-name=${name},read-only=on,${file}`],
    ...['-device', `virtio-blk-pci,drive=${name}${options},disable-legacy=on`],
  ];
}

/**
 * The descriptor's lock keeps other machines away: QEMU's own locks would end with the first of two descriptors. Deleted blocks become
 * holes of the file. `size` makes the limit the spec's, whatever the file has; it is also part of the template key.
 */
function diskDrive({ sizeBytes }: MachineDisk, serial: string, index: number): string[] {
  const [id, set] = [`drive-${serial}`, FIRST_DISK_SET + index];
  const file = `file.driver=file,file.filename=/dev/fdset/${set},file.locking=off,file.discard=unmap`;
  return [
    ...['-add-fd', `fd=${FIRST_DISK_FD + index},set=${set}`],
    ...['-blockdev', `driver=raw,node-name=${id},size=${sizeBytes},discard=unmap,${file}`],
    // Without room on the host's disk a write fails, and the guest does not stop.
    ...['-device', `virtio-blk-pci,drive=${id},serial=${serial},werror=report,disable-legacy=on`],
  ];
}

/** The descriptor is read-only: a guest, also with QEMU taken over, writes nothing there. It follows all other disks. */
function replyDiskDrive(
  { hasReplyDisk = false, disks = [], rootDisk }: MachineSpec,
  accelerator: 'kvm' | 'tcg',
): string[] {
  if (!hasReplyDisk) return [];
  const index = disks.length + (rootDisk === undefined ? 0 : 1);
  const [id, set] = ['drive-replies', FIRST_DISK_SET + index];
  const file = `file.driver=file,file.filename=/dev/fdset/${set},file.locking=off`;
  // One queue with room for the pages of a whole slot: a read is one request.
  const device = `virtio-blk-pci,drive=${id},serial=${REPLY_DISK_SERIAL},num-queues=1,queue-size=512,disable-legacy=on`;
  return [
    ...['-add-fd', `fd=${FIRST_DISK_FD + index},set=${set}`],
    ...['-blockdev', `driver=raw,node-name=${id},read-only=on,${file}`],
    ...['-device', `${device}${accelerator === 'tcg' ? ',ioeventfd=off' : ''}`],
  ];
}

/** The root's disk follows the others. */
function rootDiskDrive({
  disks = [],
  rootDisk,
}: Pick<MachineSpec, 'disks' | 'rootDisk'>): string[] {
  return rootDisk === undefined ? [] : diskDrive(rootDisk, ROOT_DISK_SERIAL, disks.length);
}
