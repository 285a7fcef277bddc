// The two parts of node-forge that certificates need: they load in 5 ms, the whole in 33. Its own types cover only the whole.
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
