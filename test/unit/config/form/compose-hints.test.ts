import { expect, it } from 'vitest';
import { errorOf } from '../../../fixtures/project-text.ts';

it.each([
  ['command: ls', 'unknown_key', 'steps:'],
  ['environment: { A: b }', 'unknown_key', '`env:`'],
  ['services: { web: {} }', 'unknown_key', '`sandboxes:`'],
  ['working_dir: /x', 'unknown_key', '`workspace: /path`'],
  ['packages: [git]', 'unknown_key', '`images:`'],
  ['build: .', 'unknown_key', '`images:`'],
  ['mem_limit: 1g', 'unknown_key', '`resources:`'],
  ['expose: [80]', 'unknown_key', '`ports:`'],
  ['tmpfs: /x', 'unknown_key', 'type: memory'],
  ['steps: [{ run: ls, script: ls }]', 'unknown_key', '`run:`'],
  ['steps: [{ run: ls, environment: { A: b } }]', 'unknown_key', '`env:`'],
  ['steps: [{ run: ls, working-directory: x }]', 'unknown_key', '`cwd:`'],
  ['steps: [{ run: ls, if: always }]', 'unknown_key', '`when: on_success`'],
  ['volumes: [{ type: tmpfs, target: x }]', 'bad_value', '`type: memory`'],
  ['image: Node:20', 'image_reference', 'REGISTRY/NAME:TAG'],
  ['image: python', 'unknown_image', 'python:3.12-slim'],
  ['image: debain', 'unknown_image', 'Did you mean "debian"?'],
])('%s, known from elsewhere, is %s with what to write here', (text, code, hint) => {
  const issues = errorOf(`${text}\n`);
  expect(issues.map((issue) => issue.code)).toEqual([code]);
  expect(issues[0]?.hint).toContain(hint);
});
