import { readFileSync } from 'node:fs';
import type { ChaosHive } from '../chaos/hive.js';
import type { ChaosWorld } from '../chaos/world.js';

/** GET as admin, whatever the answer. */
export function get(world: ChaosWorld, hive: ChaosHive, path: string): Promise<Response> {
  const token = readFileSync(world.adminTokenFile, 'utf8').trim();
  const signal = AbortSignal.timeout(30_000);
  return fetch(hive.url + path, { headers: { authorization: `Bearer ${token}` }, signal });
}
