import type { DockerfileWork } from '../../image/guest-image.ts';
import { TRUST_DIRECTORY } from '../../net/tls/guest-trust-env.ts';

/** Places in the guest that builds. */
export const PLACES = {
  /** The disk, which is kept between builds. */
  disk: '/var/lib/gondolin-build',
  context: '/run/gondolin-build/context',
  /** The store of base images as the host gives it, and a copy with the trees mounted in it. */
  givenStore: '/run/gondolin-build/given-store',
  store: '/run/gondolin-build/store',
  /** Settings of the builder. */
  settings: '/run/gondolin-build/settings',
  output: '/var/lib/gondolin-build/output',
  /**
   * Certificates for the instructions. Each sees the guest's /dev in place of its own, and no layer has anything of it: a file
   * anywhere else would leave a trace in the image.
   */
  trust: '/dev/gondolin',
} as const;

/** apt's and wget's own settings, which name the authority: neither reads a variable with a certificate. */
const APT_SETTINGS = `Acquire::https::CAInfo "${PLACES.trust}/ca.crt";\n`;
const WGET_SETTINGS = `ca_certificate = ${PLACES.trust}/ca.crt\n`;
export const TRUST_FILES = {
  APT_CONFIG: `${PLACES.trust}/apt.conf`,
  WGETRC: `${PLACES.trust}/wgetrc`,
} as const;

/** Any image is taken: the host has checked each by its digest. */
const POLICY = { default: [{ type: 'insecureAcceptAnything' }] };

const SETTINGS = `[engine]
helper_binaries_dir = ["${PLACES.settings}"]
`;

/** Variables of every command of the builder. */
export const BUILDER_ENV: Readonly<Record<string, string>> = {
  HOME: '/root',
  STORAGE_DRIVER: 'overlay',
  CONTAINERS_CONF: `${PLACES.settings}/containers.conf`,
  // Also the place of `RUN --mount=type=cache`.
  TMPDIR: `${PLACES.disk}/tmp`,
};

const ROOTS = [
  ...['--root', `${PLACES.disk}/storage`, '--runroot', '/run/gondolin-build/storage'],
  ...['--storage-opt', `overlay.imagestore=${PLACES.store}`],
];
const SIGNATURES = ['--signature-policy', `${PLACES.settings}/policy.json`];

/** The files of the builder's settings. */
export function settingsFiles(text: string): Readonly<Record<string, string>> {
  return {
    [`${PLACES.settings}/Dockerfile`]: text,
    // What the host leaves of the context is all of it.
    [`${PLACES.settings}/ignore`]: '',
    [`${PLACES.settings}/policy.json`]: JSON.stringify(POLICY),
    [`${PLACES.settings}/containers.conf`]: SETTINGS,
    [TRUST_FILES.APT_CONFIG]: APT_SETTINGS,
    [TRUST_FILES.WGETRC]: WGET_SETTINGS,
  };
}

/**
 * A shell script that makes the directories. The helper for networks of containers is asked for, and never used: instructions have the network of the guest.
 */
export const PREPARE_SCRIPT: string = `set -eu
mkdir -p "$TMPDIR" ${PLACES.settings} ${PLACES.trust}
rm -rf ${PLACES.output}
find "$TMPDIR" -mindepth 1 -maxdepth 1 ! -name 'buildah-cache-*' -exec rm -rf {} +
ln -sf /bin/true ${PLACES.settings}/netavark
if [ -d ${TRUST_DIRECTORY} ]; then cp -r ${TRUST_DIRECTORY}/. ${PLACES.trust}; fi
`;

/**
 * Mounts the trees of base images in the builder's store; its arguments are a path in the store and the serial number of a device for each.
 */
export const IMPORT_SCRIPT: string = `set -eu
cp -a ${PLACES.givenStore} ${PLACES.store}
while [ $# -gt 0 ]; do
  device=
  for found in /sys/block/vd*; do
    if [ "$(cat "$found/serial")" = "$2" ]; then device=/dev/\${found##*/}; fi
  done
  mount -t squashfs -o ro "$device" "${PLACES.store}/$1"
  shift 2
done
`;

/** @returns The command of the build itself. */
export function dockerfileCommand({
  recipe: { args, target, secrets },
  usesCache,
}: Pick<DockerfileWork, 'recipe' | 'usesCache'>): string[] {
  return [
    ...['buildah', ...ROOTS, 'build', ...SIGNATURES],
    // The format with HEALTHCHECK, SHELL and ONBUILD.
    ...['--format', 'docker', '--isolation', 'chroot', '--network', 'host', '--pull=never'],
    ...['--layers', ...(usesCache ? [] : ['--no-cache'])],
    ...Object.entries(args).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]),
    ...(target === null ? [] : ['--target', target]),
    ...secrets.flatMap(({ name }) => ['--secret', `id=${name},env=${name}`]),
    ...['--ignorefile', `${PLACES.settings}/ignore`],
    ...['--iidfile', `${PLACES.settings}/image`],
    ...['--file', `${PLACES.settings}/Dockerfile`, PLACES.context],
  ];
}

/**
 * Writes the built image out as a layout of OCI, its layers uncompressed. The arguments are layers that the host has: buildah does not write
 * what is there, and looks at the name alone.
 */
export const EXPORT_SCRIPT: string = `set -eu
mkdir -p ${PLACES.output}/blobs/sha256
for layer; do printf x > "${PLACES.output}/blobs/sha256/$layer"; done
buildah ${ROOTS.join(' ')} push --quiet --disable-compression ${SIGNATURES.join(' ')} "$(cat ${PLACES.settings}/image)" oci:${PLACES.output}:built
`;
