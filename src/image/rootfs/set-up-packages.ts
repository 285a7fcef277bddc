import { shellQuoteArgs } from '../../util/shell-quote-args.ts';
import { EXCLUDED_PATHS, INCLUDED_PATHS } from '../debian/unpack/path-filter.ts';

const DPKG_OPTIONS = [
  ...EXCLUDED_PATHS.map((path) => `path-exclude=${path}`),
  ...INCLUDED_PATHS.map((path) => `path-include=${path}`),
  // The guest's disk is lost at its end: syncing it for each package is wasted time.
  'force-unsafe-io',
];

/** The first run of `update-ca-certificates`: a link for each certificate, links by their hashes, and a file of all. */
const UPDATE_CA_CERTIFICATES = String.raw`
chdir "/etc/ssl/certs" or die "/etc/ssl/certs: $!";
open my $list, "<", "/etc/ca-certificates.conf" or die "ca-certificates.conf: $!";
my $all = "";
while (my $name = <$list>) {
  chomp $name;
  next if $name =~ /^(?:$|[#!])/;
  my $path = "/usr/share/ca-certificates/$name";
  open my $file, "<", $path or die "$path: $!";
  my $text = do { local $/; <$file> };
  $all .= $text =~ /\n\z/ ? $text : "$text\n";
  my $link = $name =~ s{.*/}{}sr =~ s/\.crt\z//r =~ tr/ (),/_==_/r;
  symlink $path, "$link.pem" or die "$link.pem: $!";
}
system("openssl", "rehash", ".") == 0 or die "openssl rehash failed";
open my $bundle, ">", "ca-certificates.crt" or die "ca-certificates.crt: $!";
print $bundle $all;
close $bundle or die "ca-certificates.crt: $!";
chmod 0644, "ca-certificates.crt";
`;

/**
 * Does in the root file system `$1` what dpkg does once packages are unpacked, in a tree of `unpackPackages()`. Some packages'
 * scripts fail when the directories of their manual pages are missing.
 *
 * ca-certificates would take half of the time of all packages, because its scripts start some processes for each certificate, three
 * times: to ask which ones to trust, unless their directory is not there yet and all are meant; and for two calls of
 * `update-ca-certificates`. So the directory is put aside meanwhile, a program that does nothing stands in for that one, and one of Perl
 * does its work afterwards.
 */
export const SET_UP_PACKAGES = `set -e
root=$1
inside() { env --unset=TMPDIR chroot "$root" "$@"; }
for section in 1 2 3 4 5 6 7 8; do mkdir -p "$root/usr/share/man/man$section"; done
printf '%s\\n' ${shellQuoteArgs(DPKG_OPTIONS)} > "$root/etc/dpkg/dpkg.cfg.d/99mmdebstrap"
echo 'I: setting up packages...' >&2
own=$root/run/gondolin
while read -r name architecture; do
  inside env DPKG_ROOT= DPKG_ADMINDIR=/var/lib/dpkg "DPKG_RUNNING_VERSION=$(cat "$own/dpkg-version")" DPKG_MAINTSCRIPT_NAME=preinst \
    "DPKG_MAINTSCRIPT_PACKAGE=\${name%:*}" "DEBCONF_PACKAGE=\${name%:*}" "DPKG_MAINTSCRIPT_ARCH=$architecture" DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT=1 \
    "/var/lib/dpkg/info/$name.preinst" install < /dev/null
done < "$own/preinsts"
printf '#!/bin/sh\\n' > "$own/update-ca-certificates"
chmod 755 "$own/update-ca-certificates"
mv "$root/usr/share/ca-certificates" "$own"
inside env "PATH=/run/gondolin:$PATH" dpkg --configure --pending
mv "$own/ca-certificates" "$root/usr/share"
rm -r "$own"
inside perl -e ${shellQuoteArgs([UPDATE_CA_CERTIFICATES])}`;
