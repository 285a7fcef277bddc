/**
 * Variables of every command under TCG. OpenSSL's own switch (OPENSSL_ia32cap(3)): TCG runs each SSSE3, AVX and AVX2
 * instruction as a call, so that OpenSSL's code for general registers is faster. Without them ChaCha20-Poly1305 went from
 * 41 to 165 MB/s, SHA-256 from 49 to 67, AES-128-GCM from 44 to 48; signatures stayed as they were.
 */
export const EMULATED_CPU_ENV: Readonly<Record<string, string>> = {
  OPENSSL_ia32cap: '~0x1000020000000000:~0x20',
};
