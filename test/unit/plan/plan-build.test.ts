import { expect, it } from 'vitest';
import { type BuildSource, DEFAULT_BUILD_CONFIG } from '../../../src/config/build/build-config.ts';
import { planBuild } from '../../../src/plan/plan-build.ts';

const facts = { arch: 'x86_64', release: 'bookworm' } as const;
const of = (source: BuildSource) => planBuild({ ...DEFAULT_BUILD_CONFIG, source }, facts);

it('planBuild() takes what the configuration leaves open from this machine', () => {
  expect(planBuild(DEFAULT_BUILD_CONFIG, facts)).toEqual({
    ...{ kind: 'debian', arch: 'x86_64', release: 'bookworm', packages: [], mirror: null },
  });
  expect(planBuild({ ...DEFAULT_BUILD_CONFIG, arch: 'aarch64' }, facts)).toMatchObject({
    arch: 'aarch64',
  });
});

it('planBuild() gives an OCI image the kernel of this machine’s release', () => {
  expect(of({ kind: 'oci', image: 'registry.example.com/a:1', pull: 'never' })).toEqual({
    ...{ kind: 'oci', source: 'registry.example.com/a:1', arch: 'x86_64', release: 'bookworm' },
    ...{ pull: 'never', digest: null },
  });
});

it('planBuild() leaves the kernels out of the packages of an Alpine image', () => {
  const alpine: BuildSource = {
    kind: 'alpine',
    ...{ version: '3.23.0', branch: null, mirror: null },
    packages: ['curl', 'linux-lts', 'linux-virt'],
  };
  expect(of(alpine)).toEqual({
    ...{ kind: 'alpine', arch: 'x86_64', release: 'bookworm', version: '3.23.0' },
    ...{ branch: null, mirror: null, keys: null, packages: ['curl'] },
  });
});

it('planBuild() wraps the image in a setup if something is to be done after the build', () => {
  const commands = ['id'];
  const postBuild = { copy: [], commands, allowedHosts: ['a.test'] };
  const recipe = planBuild({ ...DEFAULT_BUILD_CONFIG, postBuild }, facts);
  expect(recipe).toEqual({
    kind: 'setup',
    base: planBuild(DEFAULT_BUILD_CONFIG, facts),
    setup: {
      ...{ copy: [], commands },
      network: { allowedHosts: ['a.test'], allowedPrivate: [], extraHosts: [] },
    },
  });
});
