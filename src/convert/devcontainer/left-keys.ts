const EDITOR = 'it is for editors';
const DOCKERFILE =
  'add images: { NAME: { dockerfile: ./Dockerfile } }, with context:, args: and target: beside it, and image: NAME';

/** Keys of a dev container file that are not carried over, with the reason and what to do. */
export const LEFT_KEYS: Readonly<Record<string, string>> = {
  build: DOCKERFILE,
  dockerFile: DOCKERFILE,
  dockerComposeFile: 'run `gondolin convert` on the Compose file',
  service: 'run `gondolin convert` on the Compose file',
  runServices: 'run `gondolin convert` on the Compose file',
  initializeCommand: 'it would run on this machine: run it yourself before gondolin',
  postAttachCommand: 'use gondolin shell',
  workspaceMount: 'the repository is mounted at workspaceFolder',
  runArgs: 'they are options of a container engine',
  privileged: 'a sandbox is a VM of its own: it needs no such right of the host',
  capAdd: 'a sandbox is a VM of its own: it needs no such right of the host',
  securityOpt: 'a sandbox is a VM of its own: it needs no such right of the host',
  init: 'the guest has an init already',
  secrets: 'write secrets: NAME@host for each',
  customizations: EDITOR,
  extensions: EDITOR,
  settings: EDITOR,
  portsAttributes: EDITOR,
  otherPortsAttributes: EDITOR,
  overrideCommand: 'a sandbox runs its steps',
  shutdownAction: 'a sandbox ends with its steps',
  waitFor: 'steps run one after the other',
  userEnvProbe: 'commands run in a login shell',
  updateRemoteUserUID: 'files of a volume belong to the user of the guest',
};

/** Debian packages in place of well-known features, by the last part of the feature's name. */
export const FEATURE_PACKAGES: ReadonlyMap<string, string> = new Map([
  ['node', 'nodejs npm'],
  ['python', 'python3 python3-pip python3-venv'],
  ['go', 'golang-go'],
  ['rust', 'cargo rustc'],
  ['ruby', 'ruby ruby-bundler'],
  ['java', 'default-jdk-headless'],
  ['php', 'php-cli composer'],
  ['git', 'git'],
  ['git-lfs', 'git-lfs'],
  ['github-cli', 'gh'],
  ['sshd', 'openssh-server'],
  ['common-utils', 'curl git less procps'],
]);

/** Keys that have a converter, or mean nothing outside the file. */
export const CARRIED_KEYS: ReadonlySet<string> = new Set(
  '$schema name image features containerEnv remoteEnv onCreateCommand updateContentCommand postCreateCommand postStartCommand forwardPorts appPort mounts remoteUser containerUser workspaceFolder hostRequirements'.split(
    ' ',
  ),
);
