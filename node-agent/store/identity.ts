/**
 * The node's identity beside the store: a store that replaces a damaged or deleted one takes it over, because the hive
 * refuses a key that another machine_id uses.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from './private-file.js';

const MACHINE_ID_FILE = 'machine-id';

/** @returns the identity that the directory keeps; a new one if there is none */
export function identityFor(dataDir: string): string {
  return keptIdentity(dataDir) ?? randomUUID();
}

/** Keeps the identity that the store has. A disk that refuses it does no harm now. */
export function keepIdentity(dataDir: string, machineId: string): void {
  if (keptIdentity(dataDir) === machineId) return;
  try {
    replaceFile(join(dataDir, MACHINE_ID_FILE), `${machineId}\n`);
  } catch {
    // the store itself has it
  }
}

export function keptIdentity(dataDir: string): string | undefined {
  try {
    const text = readFileSync(join(dataDir, MACHINE_ID_FILE), 'utf8').trim();
    return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text) ? text : undefined;
  } catch {
    return undefined; // none yet, or one that cannot be read: like none
  }
}
