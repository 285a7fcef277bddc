import { expect, it } from 'vitest';
import { buildPlan } from '../../../../src/plan/build-plan.ts';
import { renderPlan } from '../../../../src/plan/render-plan.ts';
import { issuesOfText, readText } from '../../../fixtures/project-text.ts';

const facts = { arch: 'x86_64', release: 'bookworm' } as const;
const files = { '/p/Dockerfile': 'FROM a\n', '/p/docker/test.Dockerfile': 'FROM a\n' };
const plan = (text: string) => buildPlan(readText(text, { files }), facts);

it('an image of a Dockerfile is planned with its context beside it', () => {
  const planned = plan('images: { i: { dockerfile: ./Dockerfile } }\nimage: i\nsteps: [ls]\n');
  expect(planned.sandboxes[0]?.image).toEqual({
    name: 'i',
    recipe: {
      ...{ kind: 'dockerfile', path: '/p/Dockerfile', context: '/p', args: {}, target: null },
      ...{ arch: 'x86_64', release: 'bookworm', pull: 'missing', secrets: [] },
      network: { allowedHosts: [], allowedPrivate: [], extraHosts: [] },
    },
  });
  expect(renderPlan(planned)).toContain('image      i: /p/Dockerfile');
});

it('an image of a Dockerfile has a context, args, a target, secrets and a network, and may have a setup', () => {
  const planned = plan(`
images:
  i:
    dockerfile: docker/test.Dockerfile
    context: .
    target: test
    args: { VERSION: 3.10, DEBUG: true, NAME: "a b" }
    secrets: [TOKEN@API.example.com]
    network: { allowed_hosts: [deb.example.com] }
    pull: always
    setup: [id]
image: i
steps: [ls]
`);
  const recipe = planned.sandboxes[0]?.image.recipe;
  expect(recipe?.kind === 'setup' && recipe.base).toMatchObject({
    ...{ kind: 'dockerfile', path: '/p/docker/test.Dockerfile', context: '/p', target: 'test' },
    args: { VERSION: '3.10', DEBUG: 'true', NAME: 'a b' },
    secrets: [{ name: 'TOKEN', hosts: ['api.example.com'], from: { kind: 'env' } }],
    ...{ pull: 'always', network: { allowedHosts: ['deb.example.com'] } },
  });
  expect(renderPlan(planned)).toContain('/p/docker/test.Dockerfile (test), setup of 1 command');
});

it('no guest can change what decides about the network and the secrets of a build', () => {
  const { authorityFiles } = plan(
    'images: { i: { dockerfile: ./Dockerfile } }\nimage: i\nsteps: [ls]\n',
  );
  expect(authorityFiles).toEqual(
    expect.arrayContaining(['/p/Dockerfile', '/p/Dockerfile.dockerignore', '/p/.dockerignore']),
  );
});

it.each([
  ['dockerfile: ./none', ['1:28 path_missing']],
  ['dockerfile: ./src', ['1:28 path_missing']],
  ['dockerfile: ./Dockerfile, context: ./a.txt', ['1:51 path_missing']],
  ['dockerfile: ./Dockerfile, args: [A]', ['1:48 wrong_type']],
  ['dockerfile: ./Dockerfile, args: { "A B": "1" }', ['1:50 bad_value']],
  ['dockerfile: ./Dockerfile, secrets: ["T=value@a.test"]', ['1:52 secret_inline']],
  ['dockerfile: ./Dockerfile, secrets: [{ name: T, hosts: [a.test] }]', ['1:52 wrong_type']],
  ['path: ./src, target: x', ['1:37 needs_dockerfile']],
  ['oci: "a:1", context: ./src, args: {}', ['1:37 needs_dockerfile', '1:50 needs_dockerfile']],
  ['path: ./src, network: { allowed_hosts: [a.test] }', ['1:38 needs_setup']],
])('a mistake in { %s } has its place', (image, expected) => {
  const text = `images: { i: { ${image} } }\nimage: i\nsteps: [ls]\n`;
  expect(issuesOfText(text, { files })).toEqual(expected);
});
