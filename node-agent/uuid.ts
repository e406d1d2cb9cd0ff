import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';

const KERNEL_UUIDS = '/proc/sys/kernel/random/uuid';

/** @returns a random UUID; the kernel's where it makes some, because `node:crypto` takes milliseconds to load */
export function newUuid(): string {
  try {
    const uuid = readFileSync(KERNEL_UUIDS, 'latin1').trim();
    if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid)) return uuid;
  } catch {
    // not Linux, or a sandbox
  }
  return randomUUID();
}
