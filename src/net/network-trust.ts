import { createHash } from 'node:crypto';
import type { GuestTrust, NetworkOptions } from './network-options.ts';

type Certificates = import('./certificates.ts').Certificates;
type ResolvedSsh = import('./ssh/resolve-ssh.ts').ResolvedSsh;
type SshEgress = import('./ssh/ssh-egress.ts').SshEgress;
type HostCa = import('./tls/host-ca.ts').HostCa;

/**
 * The keys of one network that its guest trusts: this machine's authority, the certificates it signs, and the host key
 * and credentials of SSH. Each is loaded on first use.
 */
export class NetworkTrust {
  readonly #options: NetworkOptions;
  readonly #onFault: (error: Error) => void;
  #authority: Promise<HostCa> | null = null;
  #certificates: Promise<Certificates> | null = null;
  #ssh: ResolvedSsh | null = null;
  #sshEgress: Promise<SshEgress> | null = null;
  /** True for a guest whose CPU is QEMU's TCG; selects the ciphers. Set before the first connection. */
  isCpuEmulated = false;

  constructor(options: NetworkOptions, onFault: (error: Error) => void) {
    this.#options = options;
    this.#onFault = onFault;
  }

  /** @throws {GondolinError} NET_SSH_INVALID or NET_PATTERN_INVALID naming the entry. */
  async prepare(): Promise<void> {
    const { ssh } = this.#options;
    if (ssh === undefined) return;
    const { resolveSsh } = await import('./ssh/resolve-ssh.ts');
    this.#ssh = await resolveSsh(ssh);
  }

  /** Returns the digest of it all: 64 hex digits. @throws {GondolinError} as `guestTrust`. */
  async key(): Promise<string> {
    const { fingerprint } = await this.#openAuthority();
    // The bundle in the guest also holds the public roots of this Node.
    const { ca = [], ssh } = this.#options;
    const facts = [
      fingerprint,
      ca,
      process.version,
      ...(ssh === undefined ? [] : [ssh.allowedHosts]),
    ];
    return createHash('sha256').update(JSON.stringify(facts)).digest('hex');
  }

  /**
   * Returns the files by which a guest trusts our authority.
   * @throws {GondolinError} NET_CA_UNUSABLE, HOST_DIRECTORY_UNUSABLE, HOST_LOCK_FAILED or HOST_WRITE_FAILED.
   */
  async guestTrust(): Promise<Omit<GuestTrust, 'env'>> {
    const trust = (await this.certificates()).trust(this.#options.ca ?? []);
    const { ssh } = this.#options;
    if (ssh === undefined) return trust;
    const { guestKnownHosts, sshHostKey } = await import('./ssh/host-key.ts');
    const known = guestKnownHosts(ssh.allowedHosts, sshHostKey(await this.#openAuthority()));
    return { ...trust, files: [...trust.files, known] };
  }

  certificates(): Promise<Certificates> {
    const load = async () => {
      const { Certificates } = await import('./certificates.ts');
      return new Certificates(await this.#openAuthority(), this.isCpuEmulated);
    };
    this.#certificates ??= load();
    return this.#certificates;
  }

  sshEgress(): Promise<SshEgress> {
    const load = async () => {
      const ssh = this.#ssh;
      if (ssh === null) throw new Error('prepare() was not called');
      const [{ SshEgress: Egress }, { sshHostKey }] = await Promise.all([
        import('./ssh/ssh-egress.ts'),
        import('./ssh/host-key.ts'),
      ]);
      const key = sshHostKey(await this.#openAuthority());
      return new Egress(ssh, key, this.#onFault);
    };
    this.#sshEgress ??= load();
    return this.#sshEgress;
  }

  /** Opened once: the key that signs must be the one that the guest trusts, even if the file changes. */
  #openAuthority(): Promise<HostCa> {
    this.#authority ??= import('./tls/host-ca.ts').then(({ HostCa: { open } }) =>
      open(this.#options.caDirectory),
    );
    return this.#authority;
  }
}
