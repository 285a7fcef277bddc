import { expect, it } from 'vitest';
import { buildPlan } from '../../../../src/plan/build-plan.ts';
import { renderPlan } from '../../../../src/plan/render-plan.ts';
import { issuesOfText, readText } from '../../../fixtures/project-text.ts';

const FACTS = { arch: 'x86_64', release: 'bookworm' } as const;
const FILES = { '/p/keys': null };

function planOf(alpine: string) {
  const text = `images: { x: { alpine: { ${alpine} } } }\nimage: x\nsteps: [{ run: ls }]\n`;
  return buildPlan(readText(text, { files: FILES }), FACTS);
}

it('an image of Alpine packages has what it says, and the kernel of this machine’s release', () => {
  const all =
    'version: "3.23", branch: v3.23, packages: [b, a~1, b], mirror: "http://m.test/a", keys: ./keys';
  expect(planOf(all).sandboxes[0]?.image).toEqual({
    name: 'x',
    recipe: {
      ...{ kind: 'alpine', arch: 'x86_64', release: 'bookworm', version: '3.23' },
      ...{ branch: 'v3.23', packages: ['a~1', 'b'], mirror: 'http://m.test/a', keys: '/p/keys' },
    },
  });
  expect(planOf('version: edge').sandboxes[0]?.image.recipe).toMatchObject({
    ...{ version: 'edge', branch: null, packages: [], mirror: null, keys: null },
  });
});

it('a guest cannot add a key', () => {
  expect(planOf('version: edge, keys: ./keys').authorityFiles).toContain('/p/keys');
});

it('the plan shows it', () => {
  expect(renderPlan(planOf('version: "3.23", packages: [curl]'))).toContain(
    'x: alpine 3.23 x86_64 + curl',
  );
});

it.each([
  ['{}', 'missing_key'],
  ['{ version: 3.23 }', 'type'],
  ['{ version: "3" }', 'bad_value'],
  ['{ version: edge, mirror: "ftp://m.test" }', 'bad_value'],
  ['{ version: edge, mirror: "http://me:secret@m.test" }', 'bad_value'],
  ['{ version: edge, branch: ../x }', 'bad_value'],
  ['{ version: edge, keys: ./missing }', 'path_missing'],
])('%s is refused', (alpine, code) => {
  const issues = issuesOfText(`images: { x: { alpine: ${alpine} } }\nimage: x\nsteps: [ls]\n`);
  expect(issues.join('\n')).toContain(code);
});
