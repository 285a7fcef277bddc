import { describe, expect, it } from 'vitest';
import { errorOf, issuesOfText, readText } from '../../../fixtures/project-text.ts';

describe('include', () => {
  it('merges maps and replaces lists, the including file over its includes', () => {
    const files = {
      '/p/base.yaml': 'env: { A: base, B: base }\nsteps: [one, two]\nresources: { cpus: 2 }\n',
    };
    const text =
      'include: [base.yaml]\nenv: { B: own }\nsteps: [three]\nresources: { memory: 1GiB }\n';
    expect(readText(text, { files }).sandboxes[0]).toMatchObject({
      env: { A: 'base', B: 'own' },
      steps: [{ run: 'three' }],
      cpus: 2,
      memoryBytes: 2 ** 30,
    });
  });

  it('lets a later include win over an earlier one', () => {
    const files = { '/p/a.yaml': 'env: { X: a, Y: a }\n', '/p/b.yaml': 'env: { X: b }\n' };
    const { sandboxes } = readText('include: [a.yaml, b.yaml]\nimage: debian\n', { files });
    expect(sandboxes[0]?.env).toEqual({ X: 'b', Y: 'a' });
  });

  it('starts the paths of an included file at that file', () => {
    const files = {
      '/p/ci/base.yaml': 'volumes: ["./data:data"]\ninclude: ../more.yaml\n',
      '/p/ci/data': null,
      '/p/more.yaml': 'env: { MORE: "1" }\n',
    };
    const config = readText('include: ci/base.yaml\nimage: debian\n', { files });
    expect(config.files).toEqual(['/p/gondolin.yaml', '/p/ci/base.yaml', '/p/more.yaml']);
    expect(config.sandboxes[0]?.env).toEqual({ MORE: '1' });
    expect(config.sandboxes[0]?.volumes).toContainEqual(
      expect.objectContaining({ hostPath: '/p/ci/data' }),
    );
  });

  it('takes variables in its paths', () => {
    const files = { '/p/linux.yaml': 'env: { OS: linux }\n' };
    const { sandboxes } = readText('include: ${OS}.yaml\nimage: debian\n', {
      files,
      env: { OS: 'linux' },
    });
    expect(sandboxes[0]?.env).toEqual({ OS: 'linux' });
  });

  it('points at the file that holds the mistake', () => {
    const files = { '/p/base.yaml': 'env:\n  A: 1\nimge: x\n' };
    expect(issuesOfText('include: base.yaml\nimage: debian\n', { files })).toEqual([
      'base.yaml:3:1 unknown_key',
    ]);
  });

  it('sorts the issues of the project file before those of its includes', () => {
    const files = { '/p/a.yaml': 'aa: 1\n', '/p/b.yaml': 'bb: 1\n' };
    expect(issuesOfText('include: [b.yaml, a.yaml]\nimage: debian\nzz: 1\n', { files })).toEqual([
      '3:1 unknown_key',
      'b.yaml:1:1 unknown_key',
      'a.yaml:1:1 unknown_key',
    ]);
  });

  it('reports a file that is not there', () => {
    expect(issuesOfText('include: [no.yaml]\nimage: debian\n')).toEqual(['1:11 file_unreadable']);
  });

  it('reports a syntax mistake of an included file there', () => {
    const files = { '/p/base.yaml': 'a: [1\n' };
    expect(issuesOfText('include: base.yaml\nimage: debian\n', { files })[0]).toMatch(
      /^base.yaml:.* yaml_syntax$/,
    );
  });

  it('names the cycle of files that include each other', () => {
    const files = { '/p/a.yaml': 'include: b.yaml\n', '/p/b.yaml': 'include: a.yaml\n' };
    const [issue] = errorOf('include: a.yaml\nimage: debian\n', { files });
    expect(issue).toMatchObject({ code: 'include_cycle', at: { file: '/p/b.yaml' } });
    expect(issue?.message).toContain('/p/a.yaml -> /p/b.yaml -> /p/a.yaml');
  });

  it('is no cycle when two files include a third', () => {
    const files = {
      '/p/a.yaml': 'include: c.yaml\n',
      '/p/b.yaml': 'include: c.yaml\n',
      '/p/c.yaml': 'env: { C: "1" }\n',
    };
    const config = readText('include: [a.yaml, b.yaml]\nimage: debian\n', { files });
    expect(config.files).toEqual(['/p/gondolin.yaml', '/p/a.yaml', '/p/c.yaml', '/p/b.yaml']);
  });

  it('stops at eight levels', () => {
    const files = Object.fromEntries(
      Array.from({ length: 10 }, (_, n) => [`/p/f${n}.yaml`, `include: f${n + 1}.yaml\n`]),
    );
    expect(issuesOfText('include: f0.yaml\nimage: debian\n', { files })).toEqual([
      'f6.yaml:1:10 include_depth',
    ]);
  });
});
