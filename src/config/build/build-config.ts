/** A checked `build-config.json`: what `gondolin build` makes an image of. Paths are absolute. */
export interface BuildConfig {
  /** `host` is this machine's processor. */
  readonly arch: 'host' | 'x86_64' | 'aarch64';
  readonly source: BuildSource;
  readonly rootfs: {
    /** Name of the image for people. */
    readonly label: string;
    /** Most bytes of the compressed root file system; null for no limit. */
    readonly maxBytes: number | null;
  };
  /** Variables of every command in the guest. */
  readonly env: Readonly<Record<string, string>>;
  readonly postBuild: {
    /** Paths of the host, which exist, and their places in the guest. */
    readonly copy: readonly { readonly hostPath: string; readonly guestPath: string }[];
    readonly commands: readonly string[];
    /** Host patterns that the commands may reach. */
    readonly allowedHosts: readonly string[];
  };
}

/** Where the root file system of an image comes from. */
export type BuildSource =
  | {
      readonly kind: 'debian';
      /** A code name; `host` is the release of this machine. */
      readonly release: string;
      readonly packages: readonly string[];
      /** A URL; `host` for the apt sources of this machine. */
      readonly mirror: string;
    }
  | {
      readonly kind: 'alpine';
      readonly version: string;
      /** Such as `v3.23`; null for that of the version. */
      readonly branch: string | null;
      /** A URL; null for Alpine's own. */
      readonly mirror: string | null;
      readonly packages: readonly string[];
    }
  | {
      readonly kind: 'oci';
      /** A reference, `oci-layout:` or `docker-archive:` with an absolute path. */
      readonly image: string;
      readonly pull: 'missing' | 'always' | 'never';
    };

/** The configuration that `gondolin build` uses without one, and prints with `--init-config`. */
export const DEFAULT_BUILD_CONFIG: BuildConfig = {
  arch: 'host',
  source: { kind: 'debian', release: 'host', packages: [], mirror: 'host' },
  rootfs: { label: 'gondolin-root', maxBytes: null },
  env: {},
  postBuild: { copy: [], commands: [], allowedHosts: [] },
};
