import { expect, it } from 'vitest';
import { canRun, judgeHost } from '../../../src/host/doctor.ts';
import type { HostFacts } from '../../../src/host/host-facts.ts';
import { TOOLS, type ToolName } from '../../../src/host/tools.ts';

const GOOD: HostFacts = {
  nodeVersion: '20.19.0',
  platform: 'linux',
  arch: 'x64',
  tools: tools(),
  qemuVersion: 'QEMU emulator version 7.2.22',
  accelerator: { accelerator: 'kvm', reason: 'a vCPU ran', source: 'probe' },
  confinement: { ids: null, hasOwnRoot: true, hasLandlock: false, problem: null },
  aptSources: ['/etc/apt/sources.list'],
  hasDebianKeyring: true,
  agentPath: '/p/guest/build/gondolin-agent',
  packageRoot: '/p',
  cache: { path: '/c/gondolin', problem: null, freeBytes: 5 * 2 ** 30 },
  openFileLimit: 1_048_576,
  watchLimit: 524_288,
  isLocalDirectory: true,
  isRoot: false,
  userName: 'jo',
  userNamespaceProblem: null,
  subordinateIdsFix: null,
};

function tools(...missing: ToolName[]): Record<ToolName, string | null> {
  const names = Object.keys(TOOLS) as ToolName[];
  const paths = names.map((name) => [name, missing.includes(name) ? null : `/usr/bin/${name}`]);
  return Object.fromEntries(paths) as Record<ToolName, string | null>;
}

const missing = (facts: Partial<HostFacts>) =>
  judgeHost({ ...GOOD, ...facts }).filter(({ found }) => !found);

it('judgeHost() finds everything on a good host and names no fix', () => {
  const all = judgeHost(GOOD);
  expect(all.filter(({ found }) => !found)).toEqual([]);
  expect(all.every(({ fix }) => fix === null)).toBe(true);
  expect(canRun(all)).toBe(true);
});

it.each<{ name: string; facts: Partial<HostFacts>; want: string; fix: string }>([
  { name: 'an old Node', facts: { nodeVersion: '20.18.3' }, want: 'Node.js', fix: '20.19' },
  { name: 'a very old Node', facts: { nodeVersion: '18.20.0' }, want: 'Node.js', fix: '20.19' },
  { name: 'another system', facts: { platform: 'darwin' }, want: 'host system', fix: 'Linux' },
  { name: 'another processor', facts: { arch: 'arm64' }, want: 'host system', fix: 'x86-64' },
  {
    name: 'no QEMU',
    facts: { tools: tools('qemu-system-x86_64'), qemuVersion: null },
    want: 'QEMU',
    fix: 'apt install qemu-system-x86',
  },
  {
    name: 'a QEMU that does not run',
    facts: { qemuVersion: null },
    want: 'QEMU',
    fix: 'apt install --reinstall qemu-system-x86',
  },
  {
    name: 'no mmdebstrap',
    facts: { tools: tools('mmdebstrap') },
    want: 'mmdebstrap',
    fix: 'apt install mmdebstrap',
  },
  {
    name: 'no sqfstar',
    facts: { tools: tools('sqfstar') },
    want: 'sqfstar',
    fix: 'apt install squashfs-tools',
  },
  {
    name: 'no setpriv',
    facts: { tools: tools('setpriv') },
    want: 'setpriv',
    fix: 'apt install util-linux',
  },
  {
    name: 'no agent and no compiler',
    facts: { agentPath: null, tools: tools('musl-gcc') },
    want: 'guest agent',
    fix: 'apt install musl-tools && make -C /p/guest',
  },
  {
    name: 'no agent',
    facts: { agentPath: null },
    want: 'guest agent',
    fix: 'make -C /p/guest',
  },
  {
    name: 'a cache that cannot be written',
    facts: { cache: { path: '/c', problem: 'EACCES', freeBytes: 0 } },
    want: 'cache directory',
    fix: 'chown "$USER" /c',
  },
  {
    name: 'no keyring',
    facts: { hasDebianKeyring: false },
    want: 'Debian keyring',
    fix: 'apt install debian-archive-keyring',
  },
  {
    name: 'user namespaces forbidden by AppArmor',
    facts: { userNamespaceProblem: 'kernel.apparmor_restrict_unprivileged_userns=1' },
    want: 'user namespaces',
    fix: 'sysctl -w kernel.apparmor_restrict_unprivileged_userns=0',
  },
  {
    name: 'user namespaces switched off',
    facts: { userNamespaceProblem: 'kernel.unprivileged_userns_clone=0' },
    want: 'user namespaces',
    fix: 'sysctl -w kernel.unprivileged_userns_clone=1',
  },
  {
    name: 'no room for user namespaces',
    facts: { userNamespaceProblem: 'user.max_user_namespaces=0' },
    want: 'user namespaces',
    fix: 'sysctl -w user.max_user_namespaces=15000',
  },
  {
    name: 'no subordinate ids',
    facts: { subordinateIdsFix: 'usermod --add-subuids 1-2 jo' },
    want: 'subordinate ids',
    fix: 'usermod --add-subuids 1-2 jo',
  },
])('judgeHost() names the fix for $name, which is fatal', ({ facts, want, fix }) => {
  const [found, ...more] = missing(facts);
  expect(more).toEqual([]);
  expect(found).toMatchObject({ name: want, isFatal: true });
  expect(found?.fix).toContain(fix);
  expect(canRun(judgeHost({ ...GOOD, ...facts }))).toBe(false);
});

it.each<{ name: string; facts: Partial<HostFacts>; want: string; fix: string }>([
  {
    name: 'KVM',
    facts: { accelerator: { accelerator: 'tcg', reason: 'no /dev/kvm', source: 'device' } },
    want: 'KVM',
    fix: 'none needed',
  },
  {
    name: 'the right to use KVM',
    facts: {
      accelerator: {
        accelerator: 'tcg',
        reason: 'QEMU on KVM: Could not access KVM kernel module: Permission denied',
        source: 'probe',
      },
    },
    want: 'KVM',
    fix: 'usermod -aG kvm',
  },
  {
    name: 'another user for QEMU',
    facts: {
      isRoot: true,
      confinement: {
        ...{ ids: null, hasOwnRoot: true, hasLandlock: false },
        problem: 'root without CHOWN',
      },
    },
    want: 'QEMU confinement',
    fix: 'SYS_ADMIN and SYS_PTRACE',
  },
  {
    name: 'files and network of its own for QEMU',
    facts: {
      confinement: {
        ...{ ids: null, hasOwnRoot: false, hasLandlock: true },
        problem: 'Operation not permitted',
      },
    },
    want: 'QEMU confinement',
    fix: 'sysctl -w user.max_user_namespaces=15000',
  },
  { name: 'a probe', facts: { accelerator: null }, want: 'KVM', fix: 'fix QEMU' },
  {
    name: 'free space',
    facts: { cache: { path: '/c', problem: null, freeBytes: 2 ** 20 } },
    want: 'cache directory',
    fix: 'gondolin prune',
  },
  {
    name: 'many open files',
    facts: { openFileLimit: 1024 },
    want: 'open files',
    fix: 'ulimit -Hn',
  },
  { name: 'apt sources', facts: { aptSources: [] }, want: 'apt sources', fix: 'mirror' },
])('judgeHost() can do without $name', ({ facts, want, fix }) => {
  const [found] = missing(facts);
  expect(found).toMatchObject({ name: want, isFatal: false });
  expect(found?.fix).toContain(fix);
  expect(canRun(judgeHost({ ...GOOD, ...facts }))).toBe(true);
});

it('judgeHost() asks root for no user namespaces', () => {
  const ids = { group: 2, firstUser: 3, users: 1 };
  const confinement = { ids, hasOwnRoot: true, hasLandlock: false, problem: null };
  const tooling = { subordinateIdsFix: 'usermod', tools: tools('newuidmap') };
  const facts = { isRoot: true, confinement, ...tooling };
  expect(missing({ ...facts, userNamespaceProblem: 'user.max_user_namespaces=0' })).toEqual([]);
});

it('judgeHost() words a missing QEMU as the spec documents do', () => {
  const facts = { tools: tools('qemu-system-x86_64'), qemuVersion: null };
  expect(missing(facts)[0]?.detail).toBe('QEMU not found in PATH');
});
