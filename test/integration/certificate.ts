import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Makes a self-signed certificate for 127.0.0.1, valid for a day. Returns the environment variables from which the apps read it. */
export function makeCertificate(): { TLS_KEY: string; TLS_CERTIFICATE: string } {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-certificate-'));
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'];
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  try {
    const words = ['req', '-x509', ...kind, ...subject, '-keyout', key, '-out', certificate];
    execFileSync('openssl', words, { stdio: 'pipe' });
    return { TLS_KEY: readFileSync(key, 'utf8'), TLS_CERTIFICATE: readFileSync(certificate, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
