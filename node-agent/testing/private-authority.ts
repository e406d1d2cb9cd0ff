/** For tests: a certificate authority of their own, and a server's certificate that it has signed. Needs openssl. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface PrivateAuthority {
  /** The file with the authority's certificate. */
  caFile: string;
  /** A certificate for the host, and its key. */
  key: string;
  cert: string;
}

export function privateAuthority(directory: string, host: string): PrivateAuthority {
  const file = (name: string) => join(directory, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const authority = ['-x509', '-days', '2', '-subj', '/CN=Private authority', '-keyout', file('ca.key')];
  openssl('req', ...newKey, ...authority, '-out', file('ca.pem'));
  openssl('req', ...newKey, '-subj', `/CN=${host}`, '-keyout', file('host.key'), '-out', file('host.csr'));
  writeFileSync(file('host.ext'), `subjectAltName=DNS:${host}\n`);
  const signer = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial', '-extfile', file('host.ext')];
  openssl('x509', '-req', '-in', file('host.csr'), '-days', '2', ...signer, '-out', file('host.pem'));
  const read = (name: string) => readFileSync(file(name), 'utf8');
  return { caFile: file('ca.pem'), key: read('host.key'), cert: read('host.pem') };
}
