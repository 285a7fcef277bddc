/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: the project file's own syntax */

import { describe, expect, it } from 'vitest';
import { readConfig } from '../../../src/config/read-config.ts';
import { convertFile } from '../../../src/convert/convert-file.ts';
import { filesOf } from '../../fixtures/project-text.ts';

function convert(text: string, path = '/p/.devcontainer/devcontainer.json') {
  const access = filesOf({ '/p/data': null, [path]: text });
  const output = '/p/gondolin.yaml';
  const conversion = convertFile({ input: path, output, access, env: {} });
  expect(conversion.problems).toEqual([]);
  const [sandbox] = readConfig(
    { path: output, text: conversion.text },
    { access, env: {} },
  ).sandboxes;
  const remarks = conversion.remarks.map(({ at, kind, key }) => `${at.line} ${kind} ${key}`);
  return { text: conversion.text, sandbox, remarks };
}

describe('convertFile() of a devcontainer.json', () => {
  it('carries over image, variables, commands, ports, mounts, user and size', () => {
    const { sandbox, remarks } = convert(
      `// a comment
{
	"image": "registry.example.com/devcontainers/typescript-node:1-22", /* "x": */
	"containerEnv": { "URL": "http://a//b", "A": "\${localEnv:A:b}", "W": "\${containerWorkspaceFolder}/x" },
	"postCreateCommand": "npm ci && echo \${HOME} $$ $",
	"postStartCommand": { "a": "x", "b": ["y", "z"] },
	"forwardPorts": [3000, "8080", "db:5432"],
	"mounts": ["source=\${localWorkspaceFolder}/data,target=/data,type=bind,readonly", { "type": "volume", "source": "v", "target": "/v" }],
	"remoteUser": "vscode",
	"hostRequirements": { "cpus": 4, "memory": "2gb", "storage": "1tb" },
	"features": { "registry.example.com/features/go:1": {} },
	"customizations": {},
}
`.replace('echo ${HOME}', 'echo $HOME'),
    );
    expect(sandbox).toMatchObject({
      image: { oci: 'registry.example.com/devcontainers/typescript-node:1-22' },
      env: { URL: 'http://a//b', A: 'b', W: '/workspaces/p/x' },
      workspace: '/workspaces/p',
      user: 'vscode',
      cpus: 4,
      memoryBytes: 2 ** 31,
      ports: [{ guestPort: 3000 }, { guestPort: 8080 }],
      steps: [
        { name: 'postCreateCommand', run: 'npm ci && echo $HOME $$ $' },
        { name: 'postStartCommand: a', run: 'x' },
        { name: 'postStartCommand: b', run: ['y', 'z'] },
      ],
    });
    expect(sandbox?.volumes).toEqual([
      { kind: 'host', hostPath: '/p', guestPath: '/workspaces/p', isReadonly: false },
      { kind: 'host', hostPath: '/p/data', guestPath: '/data', isReadonly: true },
      expect.objectContaining({ kind: 'memory', guestPath: '/v' }),
    ]);
    expect(remarks).toEqual([
      '7 left forwardPorts',
      '8 left mounts',
      '10 left hostRequirements.storage',
      '11 left features.registry.example.com/features/go:1',
      '12 left customizations',
    ]);
  });

  it('never runs or copies what is for the host, nor a credential', () => {
    const { text, remarks } = convert(`{
  "initializeCommand": "touch /tmp/x",
  "containerEnv": { "MY_TOKEN": "hunter2" },
  "postCreateCommand": "curl --token hunter2 x",
  "runArgs": ["-e", "A=hunter2"]
}`);
    expect(text).not.toMatch(/hunter2|touch/);
    expect(remarks).toEqual([
      '2 left initializeCommand',
      '3 changed containerEnv.MY_TOKEN',
      '4 left postCreateCommand',
      '5 left runArgs',
    ]);
  });

  it('lists a variable that has no value here', () => {
    const { sandbox, remarks } = convert(
      '{ "containerEnv": { "A": "${devcontainerId}", "B": "1" } }',
    );
    expect(sandbox?.env).toEqual({ B: '1' });
    expect(remarks).toEqual(['1 left containerEnv.A']);
  });

  it.each([
    ['/p/.devcontainer.json', '/p'],
    ['/p/.devcontainer/a/devcontainer.json', '/p'],
    ['/p/devcontainer.jsonc', '/p'],
  ])('finds the repository of %s', (path, root) => {
    expect(convert('{}', path).sandbox?.volumes[0]).toMatchObject({ hostPath: root });
  });
});
