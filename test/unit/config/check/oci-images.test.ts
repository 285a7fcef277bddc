import { expect, it } from 'vitest';
import { buildPlan } from '../../../../src/plan/build-plan.ts';
import { issuesOfText, readText } from '../../../fixtures/project-text.ts';

const FACTS = { arch: 'x86_64', release: 'bookworm' } as const;
const FILES = { '/p/out': null, '/p/app.tar': '' };

function recipeOf(text: string) {
  const config = readText(text, { files: FILES });
  return buildPlan(config, FACTS).sandboxes[0]?.image;
}

it('an image of a registry is named directly', () => {
  expect(recipeOf('image: python:3.12-slim\nsteps: [{ run: ls }]\n')).toEqual({
    name: 'python:3.12-slim',
    recipe: {
      ...{ kind: 'oci', source: 'python:3.12-slim', arch: 'x86_64', release: 'bookworm' },
      ...{ pull: 'missing', digest: null },
    },
  });
});

it('an image of images: has a policy, and paths are absolute', () => {
  const project = (image: string) =>
    `images: { x: { ${image} } }\nimage: x\nsteps: [{ run: ls }]\n`;
  expect(recipeOf(project('oci: "r.test/a:1", pull: always'))?.recipe).toMatchObject({
    ...{ source: 'r.test/a:1', pull: 'always' },
  });
  expect(recipeOf(project('oci: "oci-layout:./out:v1"'))?.recipe).toMatchObject({
    source: 'oci-layout:/p/out:v1',
  });
  expect(recipeOf(project('oci: "docker-archive:app.tar"'))?.recipe).toMatchObject({
    source: 'docker-archive:/p/app.tar',
  });
});

it('a guest cannot change the file that decides what a local image is', () => {
  const text = (oci: string) =>
    `images: { x: { oci: "${oci}" } }\nimage: x\nsteps: [{ run: ls }]\n`;
  const filesOf = (oci: string) =>
    buildPlan(readText(text(oci), { files: FILES }), FACTS).authorityFiles;
  expect(filesOf('oci-layout:./out')).toContain('/p/out/index.json');
  expect(filesOf('docker-archive:./app.tar')).toContain('/p/app.tar');
});

it.each([
  ['image: "a:"', '1:8 image_reference'],
  ['image: "http://r.test/a:1"', '1:8 image_reference'],
  ['images: { x: { oci: "A/b:1:2" } }\nimage: x', '1:21 image_reference'],
  ['images: { x: { oci: "oci-layout:./missing" } }\nimage: x', '1:21 path_missing'],
  ['images: { x: { oci: "docker-archive:./out" } }\nimage: x', '1:21 path_missing'],
  ['images: { x: { path: ./out, pull: always } }\nimage: x', '1:35 needs_oci'],
])('%j is %s', (text, issue) => {
  expect(issuesOfText(`${text}\nsteps: [{ run: ls }]\n`, { files: FILES })).toEqual([issue]);
});

it('an image of a registry or of Alpine packages may be for another processor', () => {
  const project = (image: string) =>
    `images: { x: { ${image}, arch: aarch64 } }\nimage: x\nsteps: [{ run: ls }]\n`;
  expect(recipeOf(project('oci: "a:1"'))?.recipe).toMatchObject({ kind: 'oci', arch: 'aarch64' });
  expect(recipeOf(project('alpine: { version: "3.23" }'))?.recipe).toMatchObject({
    ...{ kind: 'alpine', arch: 'aarch64' },
  });
  expect(issuesOfText(project('tag: tools'))).toEqual(['1:34 needs_oci_or_alpine']);
});
