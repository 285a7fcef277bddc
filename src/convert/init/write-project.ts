import { debianImage } from '../debian-image.ts';
import { writeYaml, type YamlEntry, type YamlValue } from '../yaml-writer.ts';
import { findGoProject, findMavenProject, findRustProject } from './compiled-projects.ts';
import { findNodeProject } from './node-project.ts';
import { findOtherFiles, type OtherFiles } from './other-files.ts';
import type { PartStep, ProjectPart } from './project-part.ts';
import { findPythonProject } from './python-project.ts';
import type { Repository } from './repository.ts';
import { findRubyProject } from './ruby-project.ts';

/** A project file for a repository. */
export interface InitialProject {
  readonly text: string;
  /** The findings, such as `package.json, package-lock.json: Node.js with npm`. */
  readonly found: readonly string[];
}

const FINDERS = [
  findNodeProject,
  findPythonProject,
  findRustProject,
  findGoProject,
  findRubyProject,
  findMavenProject,
];
const IMAGE = 'project';
const DOCKERFILE = './Dockerfile';
/** First steps that the others build on. */
const PREPARING = ['install', 'fetch'];

function stepValue(part: ProjectPart, step: PartStep, isAlone: boolean): YamlValue {
  const nameOf = (name: string) => (isAlone ? name : `${part.kind} ${name}`);
  const first = part.steps[0];
  const entries: YamlEntry[] = [
    { key: 'name', value: nameOf(step.name), comment: [step.why] },
    { key: 'run', value: step.run },
  ];
  if (first !== undefined && first !== step && PREPARING.includes(first.name))
    entries.push({ key: 'needs', value: [nameOf(first.name)] });
  if (step.inputs !== undefined) {
    entries.push({ key: 'inputs', value: step.inputs });
    const comment = [
      'Saves the machine: later runs start after this step while the inputs are the same.',
    ];
    entries.push({ key: 'checkpoint', value: true, comment });
  }
  return { entries };
}

function networkEntry(parts: readonly ProjectPart[]): YamlEntry {
  const hosts = [...new Set(parts.flatMap((part) => part.hosts))];
  const open = parts.filter(({ downloads, hosts: own }) => downloads !== null && own.length === 0);
  const comment =
    hosts.length === 0
      ? ['The guest reaches nothing until a host is named here.']
      : [
          'The guest reaches only these hosts, which the files of this repository name for packages.',
        ];
  const end = open.map(
    ({ downloads }) =>
      `${downloads}: no file names its registry. Add the host here; a run prints what it refused.`,
  );
  return {
    key: 'network',
    value: {
      entries: [{ key: 'allowed_hosts', value: hosts, comment }],
      end: [...end, ...parts.flatMap((part) => part.notes ?? [])],
    },
  };
}

/** The image of the project: of its Dockerfile where that is all there is, or of Debian packages. */
function imageEntries(parts: readonly ProjectPart[], other: OtherFiles): YamlEntry[] {
  const all = [...parts.flatMap((part) => part.packages), ...other.packages];
  const packages = [...new Set(all)].toSorted();
  const isBuilt = parts.length === 0 && other.hasDockerfile;
  if (!isBuilt && packages.length === 0) return [{ key: 'image', value: 'debian' }];
  const image: YamlEntry = isBuilt
    ? {
        key: IMAGE,
        value: { entries: [{ key: 'dockerfile', value: DOCKERFILE }] },
        comment: [
          'Built in a VM. Hosts that its instructions may reach: network: { allowed_hosts: [...] } beside dockerfile.',
        ],
      }
    : { ...debianImage(IMAGE, packages), comment: packageComment(parts, other) };
  return [
    { key: 'images', value: { entries: [image] } },
    { key: 'image', value: IMAGE },
  ];
}

function dockerfileComment(parts: readonly ProjectPart[], { hasDockerfile }: OtherFiles): string[] {
  return parts.length > 0 && hasDockerfile
    ? [
        `Dockerfile: its Debian packages are below. To build it: images: { app: { dockerfile: ${DOCKERFILE} } } and image: app.`,
      ]
    : [];
}

function packageComment(parts: readonly ProjectPart[], other: OtherFiles): string[] {
  const lines = parts.map(({ meaning, packages }) => `${meaning}: ${packages.join(' ')}`);
  const docker = other.packages.length === 0 ? [] : [`Dockerfile: ${other.packages.join(' ')}`];
  return ['Packages of Debian, installed when the image is built:', ...lines, ...docker];
}

/**
 * Looks at a repository and writes a project file for it, of keys that this version supports. Nothing is run.
 * @returns null when nothing was found.
 */
export async function writeProject(repository: Repository): Promise<InitialProject | null> {
  const parts = FINDERS.flatMap((find) => find(repository) ?? []);
  const other = await findOtherFiles(repository);
  if (parts.length === 0 && other.files.length === 0) return null;
  const found = [
    ...parts.map(({ files, meaning }) => `${files.join(', ')}: ${meaning}`),
    ...other.files,
  ];
  const env = [
    ...new Map(parts.flatMap((part) => part.env ?? []).map((entry) => [entry.key, entry])).values(),
  ];
  const steps = parts.flatMap((part) =>
    part.steps.map((step) => stepValue(part, step, parts.length === 1)),
  );
  const look: YamlValue = {
    entries: [
      { key: 'name', value: 'files' },
      { key: 'run', value: 'ls -la' },
    ],
  };
  const entries: YamlEntry[] = [
    { key: 'version', value: 1 },
    ...imageEntries(parts, other),
    {
      key: 'resources',
      value: {
        entries: [
          { key: 'cpus', value: 2 },
          { key: 'memory', value: '2GiB' },
        ],
      },
      comment: ['What the guest writes outside volumes is in its memory.'],
    },
    {
      key: 'volumes',
      value: ['.:/workspace', ...parts.flatMap((part) => part.volumes ?? [])],
      comment: [
        'This directory, read-write; .:/workspace:ro is read-only.',
        ...(parts.some(({ volumes }) => volumes !== undefined)
          ? [
              'Installed packages stay in the guest: what it installs is not for this machine to run.',
            ]
          : []),
      ],
    },
    ...(env.length === 0 ? [] : [{ key: 'env', value: { entries: env } }]),
    networkEntry(parts),
    { key: 'steps', value: steps.length === 0 ? [look] : steps },
  ];
  const heading = [
    'yaml-language-server: $schema=./node_modules/gondolin/schema/gondolin.schema.json',
    'Written by `gondolin init`. `gondolin plan` prints what it means; docs/config.md describes every key',
    'Found:',
    ...found.map((line) => `  ${line}`),
    ...dockerfileComment(parts, other),
    ...other.comments,
  ];
  return { text: writeYaml({ entries: withHeading(entries, heading) }), found };
}

function withHeading(
  [first, ...rest]: readonly YamlEntry[],
  heading: readonly string[],
): YamlEntry[] {
  return first === undefined ? [] : [{ ...first, comment: heading }, ...rest];
}
