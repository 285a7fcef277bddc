import { expect, it } from 'vitest';
import type { MachineSpec } from '../../../src/machine/machine-spec.ts';
import { buildQemuArguments, escapeValue } from '../../../src/machine/qemu-arguments.ts';

const MIB = 1024 * 1024;
const SPEC: MachineSpec = {
  vmlinuxPath: '/images/k1/vmlinux',
  initramfsPath: '/images/i1/initramfs',
  rootfsPath: '/images/r1/rootfs',
  cpus: 2,
  memoryBytes: 512 * MIB,
};

function build(changes: Partial<MachineSpec> = {}, accelerator: 'kvm' | 'tcg' = 'tcg'): string[] {
  return buildQemuArguments({ spec: { ...SPEC, ...changes }, accelerator, name: 'gondolin-1' });
}

/** The values of every occurrence of one option. */
function values(args: readonly string[], option: string): string[] {
  return args.flatMap((arg, index) => (arg === option ? [args[index + 1] ?? ''] : []));
}

it('buildQemuArguments() returns this whole list for a machine under TCG', () => {
  expect(build().join(' ').replaceAll(' -', '\n-').split('\n')).toMatchInlineSnapshot(`
    [
      "-name guest=gondolin-1",
      "-nodefaults",
      "-no-user-config",
      "-display none",
      "-no-reboot",
      "-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
      "-object memory-backend-memfd,share=on,id=ram,size=512M",
      "-machine q35,usb=off,vmport=off,sata=off,smbus=off,i8042=off,suppress-vmdesc=on,memory-backend=ram",
      "-accel tcg,thread=multi",
      "-cpu max,-erms,-la57,-smap,-smep,-umip,-pku",
      "-smp 2,sockets=2",
      "-m 512M",
      "-kernel /images/k1/vmlinux",
      "-initrd /images/i1/initramfs",
      "-append console=ttyS0 quiet panic=-1 cryptomgr.notests psi=0 audit=0 lsm=landlock,yama nowatchdog mitigations=off transparent_hugepage=never init_on_alloc=0 norandmaps tsc=reliable",
      "-global migration.send-configuration=off",
      "-add-fd fd=8,set=1",
      "-chardev socket,id=qmp,fd=3",
      "-mon chardev=qmp,mode=control",
      "-chardev socket,id=console,fd=4",
      "-device isa-serial,chardev=console",
      "-device virtio-serial-pci,id=ports,disable-legacy=on,max_ports=3,ioeventfd=off",
      "-chardev socket,id=control,fd=5",
      "-device virtserialport,bus=ports.0,nr=1,chardev=control,name=gondolin.control",
      "-chardev socket,id=fs,fd=6",
      "-device virtserialport,bus=ports.0,nr=2,chardev=fs,name=gondolin.fs",
      "-blockdev driver=raw,node-name=root,read-only=on,file.driver=file,file.filename=/images/r1/rootfs,file.locking=off",
      "-device virtio-blk-pci,drive=root,disable-legacy=on",
    ]
  `);
});

it('buildQemuArguments() for aarch64 changes the board, its processor and its serial port', () => {
  const [x86, arm] = [build(), build({ arch: 'aarch64' })];
  expect(arm.filter((word) => !x86.includes(word))).toEqual([
    'virt,gic-version=3,usb=off,suppress-vmdesc=on,memory-backend=ram',
    'neoverse-n1',
    '2',
    expect.stringMatching(/^console=ttyAMA0 quiet /),
    '-serial',
    'chardev:console',
  ]);
  // KVM runs no guest of another processor.
  expect(build({ arch: 'aarch64' }, 'kvm')).toContain('tcg,thread=multi');
});

it('buildQemuArguments() changes only processors, the kick of the ports and kernel words under KVM', () => {
  const tcg = build();
  const kvm = build({}, 'kvm');
  const changed = (from: string[], to: string[]) => from.filter((arg) => !to.includes(arg));
  const words =
    'console=ttyS0 quiet panic=-1 cryptomgr.notests psi=0 audit=0 lsm=landlock,yama nowatchdog';
  expect(changed(kvm, tcg)).toEqual([
    'kvm',
    'host',
    '2',
    words,
    'virtio-serial-pci,id=ports,disable-legacy=on,max_ports=3',
  ]);
  expect(changed(tcg, kvm)).toEqual([
    'tcg,thread=multi',
    'max,-erms,-la57,-smap,-smep,-umip,-pku',
    '2,sockets=2',
    `${words} mitigations=off transparent_hugepage=never init_on_alloc=0 norandmaps tsc=reliable`,
    'virtio-serial-pci,id=ports,disable-legacy=on,max_ports=3,ioeventfd=off',
  ]);
});

it('buildQemuArguments() names no socket path and no network, display or USB device', () => {
  const text = build().join(' ');
  expect(text).not.toMatch(/path=|server|netdev|-nic|-net|vga|usb=on|tcp:|unix:/);
  expect(values(build(), '-chardev').every((value) => /^socket,id=\w+,fd=\d$/.test(value))).toBe(
    true,
  );
});

it('buildQemuArguments() assigns each channel a file descriptor of its own', () => {
  const fds = values(build(), '-chardev').map((value) => value.split('fd=')[1]);
  expect(fds).toEqual(['3', '4', '5', '6']);
});

it('buildQemuArguments() attaches no disk when rootfsPath is null', () => {
  const args = build({ rootfsPath: null });
  expect(values(args, '-blockdev')).toEqual([]);
  expect(args.join(' ')).not.toContain('virtio-blk');
});

it('buildQemuArguments() attaches further images read-only after the disks, each with its serial number', () => {
  const args = build({ disks: [{ sizeBytes: 2 ** 30 }], images: ['/images/a', '/images/b'] });
  const [, disk, ...images] = values(args, '-blockdev');
  expect(disk).toContain('node-name=drive-disk0');
  expect(images).toEqual(
    ['a', 'b'].map(
      (name, index) =>
        `driver=raw,node-name=image${index},read-only=on,file.driver=file,file.filename=/images/${name},file.locking=off`,
    ),
  );
  expect(values(args, '-device').slice(-2)).toEqual(
    [0, 1].map((n) => `virtio-blk-pci,drive=image${n},serial=image${n},disable-legacy=on`),
  );
});

it('buildQemuArguments() doubles commas in the path of the root drive and in the name', () => {
  const spec = { ...SPEC, rootfsPath: '/a,b/c=d,read-only=off' };
  const args = buildQemuArguments({ spec, accelerator: 'tcg', name: 'x,debug-threads=on' });
  expect(values(args, '-blockdev')[0]).toContain('file.filename=/a,,b/c=d,,read-only=off,file.');
  expect(values(args, '-name')).toEqual(['guest=x,,debug-threads=on']);
});

it('buildQemuArguments() puts the disk for replies after all others, read-only', () => {
  const disk = { sizeBytes: MIB };
  const args = build({ disks: [disk], rootDisk: disk, hasReplyDisk: true });
  expect(values(args, '-add-fd').at(-1)).toBe('fd=11,set=4');
  expect(values(args, '-blockdev').at(-1)).toBe(
    'driver=raw,node-name=drive-replies,read-only=on,file.driver=file,file.filename=/dev/fdset/4,file.locking=off',
  );
  expect(values(args, '-device').at(-1)).toBe(
    'virtio-blk-pci,drive=drive-replies,serial=replies,num-queues=1,queue-size=512,disable-legacy=on,ioeventfd=off',
  );
  expect(build({ hasReplyDisk: false })).toEqual(build());
});

it('buildQemuArguments() appends kernel arguments to its own', () => {
  const [line] = values(build({ kernelArguments: ['rdinit=/bare', 'loglevel=7'] }), '-append');
  expect(line).toMatch(/^console=ttyS0 quiet panic=-1 .* rdinit=\/bare loglevel=7$/);
});

it.each([
  { name: 'no cpu', given: { cpus: 0 }, want: 'cpus' },
  { name: 'half a cpu', given: { cpus: 1.5 }, want: 'cpus' },
  { name: 'too many cpus', given: { cpus: 256 }, want: 'cpus' },
  { name: 'cpus that are no number', given: { cpus: Number.NaN }, want: 'cpus' },
  { name: 'memory below the minimum', given: { memoryBytes: 95 * MIB }, want: 'memory' },
  { name: 'memory above 1 TiB', given: { memoryBytes: 2 ** 40 + MIB }, want: 'memory' },
  { name: 'memory that is no whole MiB', given: { memoryBytes: 512 * MIB + 1 }, want: 'memory' },
  { name: 'endless memory', given: { memoryBytes: Number.POSITIVE_INFINITY }, want: 'memory' },
  { name: 'negative memory', given: { memoryBytes: -512 * MIB }, want: 'memory' },
  { name: 'a relative kernel', given: { vmlinuxPath: 'vmlinux' }, want: 'vmlinux' },
  { name: 'a kernel that reads as an option', given: { vmlinuxPath: '-snapshot' }, want: 'snap' },
  { name: 'a relative disk', given: { rootfsPath: 'nbd:host:1' }, want: 'nbd' },
  { name: 'a relative image', given: { images: ['image'] }, want: 'image' },
  { name: 'too many images', given: { images: Array<string>(17).fill('/i') }, want: '17' },
  { name: 'two words as one', given: { kernelArguments: ['a b'] }, want: 'a b' },
  { name: 'an empty word', given: { kernelArguments: [''] }, want: '""' },
])('buildQemuArguments() refuses $name', ({ given, want }) => {
  const refused = expect.objectContaining({
    code: 'MACHINE_SPEC_INVALID',
    exit: 2,
    message: expect.stringContaining(want) as string,
  }) as Error;
  expect(() => build(given)).toThrow(refused);
});

it('buildQemuArguments() accepts the limits themselves', () => {
  expect(values(build({ cpus: 255, memoryBytes: 2 ** 40 }), '-m')).toEqual(['1048576M']);
  expect(values(build({ cpus: 1, memoryBytes: 96 * MIB }), '-m')).toEqual(['96M']);
});

it('escapeValue() does not change a value without commas', () => {
  expect(escapeValue('/plain path=x')).toBe('/plain path=x');
  expect(escapeValue(',,')).toBe(',,,,');
});
