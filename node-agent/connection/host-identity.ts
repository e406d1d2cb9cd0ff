/** Which machine this is, so that the hive can tell a second store of it from another machine. */
import { spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

const ANSWER_MS = 2000;

/**
 * Two processes run on the same machine if they have one of these in common: the ids of the installation, and of this
 * start of the kernel, which containers share with their host. They are hashed, because the raw ids identify the machine
 * to other programs too.
 */
export function hostIdentities(): string[] {
  const ids = process.platform === 'darwin' ? [platformId()] : [installationId(), bootId()];
  const known = ids.filter((id) => id !== undefined);
  return (known.length > 0 ? known : [hostname()]).map((id) =>
    createHmac('sha256', id).update('hivesync node').digest('hex').slice(0, 32),
  );
}

function installationId(): string | undefined {
  return idIn('/etc/machine-id') ?? idIn('/var/lib/dbus/machine-id');
}

function bootId(): string | undefined {
  return idIn('/proc/sys/kernel/random/boot_id');
}

/** @returns undefined if the file has no id (a container, or a system that is just being set up) */
function idIn(file: string): string | undefined {
  try {
    return /^[0-9a-f-]{32,36}$/i.exec(readFileSync(file, 'utf8').trim())?.[0];
  } catch {
    return undefined;
  }
}

function platformId(): string | undefined {
  const { stdout, status } = spawnSync('ioreg', ['-rd1', '-c', 'IOPlatformExpertDevice'], {
    encoding: 'utf8',
    timeout: ANSWER_MS,
  });
  return status === 0 ? /"IOPlatformUUID" = "([^"]+)"/.exec(stdout)?.[1] : undefined;
}
