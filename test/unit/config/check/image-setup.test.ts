import { expect, it } from 'vitest';
import { buildPlan } from '../../../../src/plan/build-plan.ts';
import { issuesOfText, readText } from '../../../fixtures/project-text.ts';

const facts = { arch: 'x86_64', release: 'bookworm' } as const;
const planned = (text: string) => buildPlan(readText(text), facts).sandboxes[0]?.image;

it('an image with setup is planned as a change of the image that it describes', () => {
  const image = planned(`
images:
  tools:
    oci: registry.example.com/app:1
    setup: [id, "a | b"]
    network: { allowed_hosts: [API.example.com], extra_hosts: ["a.test:10.0.0.1:80"] }
image: tools
steps: [ls]
`);
  expect(image).toEqual({
    name: 'tools',
    recipe: {
      kind: 'setup',
      base: {
        ...{ kind: 'oci', source: 'registry.example.com/app:1', arch: 'x86_64' },
        ...{ release: 'bookworm', pull: 'missing', digest: null },
      },
      setup: {
        ...{ copy: [], commands: ['id', 'a | b'] },
        network: {
          ...{ allowedHosts: ['api.example.com'], allowedPrivate: [] },
          extraHosts: [{ name: 'a.test', address: '10.0.0.1', port: 80 }],
        },
      },
    },
  });
});

it('an image without commands is not changed', () => {
  const text = 'images: { i: { path: ./src, setup: [] } }\nimage: i\nsteps: [ls]\n';
  expect(planned(text)).toEqual({ name: 'i', recipe: { kind: 'path', path: '/p/src' } });
});

it('mistakes in setup and its network have their places', () => {
  const issues = (image: string) =>
    issuesOfText(`images: { i: { path: ./src, ${image} } }\nimage: i\nsteps: [ls]\n`);
  expect(issues('setup: [id], network: { allowed_hosts: ["a b"] }')).toEqual(['1:69 host_pattern']);
  expect(issues('network: { allowed_hosts: [a.test] }')).toEqual(['1:38 needs_setup']);
  expect(issues('setup: id')).toEqual(['1:36 wrong_type']);
  expect(issues('setup: [{ run: id }]')).toEqual(['1:37 wrong_type']);
  expect(issues('setup: [id], network: { mode: open }')).toEqual(['1:53 unknown_key']);
});

it('a Debian image may be of a time, which has to exist', () => {
  const text = (snapshot: string) =>
    `images: { x: { build: { distro: debian, debian: { snapshot: "${snapshot}" } } } }\nimage: x\nsteps: [id]\n`;
  expect(planned(text('2026-11-01T00:00:00Z'))?.recipe).toMatchObject({
    ...{ kind: 'debian', snapshot: '2026-11-01T00:00:00Z' },
  });
  expect(issuesOfText(text('2026-02-30T00:00:00Z'))).toEqual(['1:61 bad_value']);
  expect(issuesOfText(text('yesterday'))).toHaveLength(1);
});
