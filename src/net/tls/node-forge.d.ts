// The two parts of node-forge that certificates need: all of it takes 33 ms to load, these 5. Its types name only the whole.
declare module 'node-forge/lib/asn1.js' {
  const asn1: typeof import('node-forge').asn1;
  export = asn1;
}

declare module 'node-forge/lib/oids.js' {
  /** Dotted decimal, of what certificates name here. */
  const oids: Readonly<
    Record<
      | 'authorityKeyIdentifier'
      | 'basicConstraints'
      | 'commonName'
      | 'extKeyUsage'
      | 'keyUsage'
      | 'serverAuth'
      | 'sha256WithRSAEncryption'
      | 'subjectAltName'
      | 'subjectKeyIdentifier',
      string
    >
  >;
  export = oids;
}
