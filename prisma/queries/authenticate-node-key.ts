import type { NodeApiKey } from '../generated/client.js';
import type { Database, Queryable } from '../client.js';
import { storableText } from '../text.js';
import { excludeAbsence } from './v1/outstanding-requests.js';
import { forgetHiveRevisions } from './v1/forget-hive-revisions.js';

/** A node that says who it is. */
export interface NodeIntroduction {
  keyHash: string;
  machineId: string;
  name: string;
  capabilities: object;
  publicUrl: string | null;
  protocolVersion: number;
}

export interface AuthenticatedNode {
  nodeId: string;
  organizationId: string;
  apiKeyId: string;
}

export type NodeAuthentication = { accepted: true; node: AuthenticatedNode } | { accepted: false; error: string };

const TAKEOVER_WINDOW_MS = 5 * 60_000;
/** So many refused takeovers within the window leave the key usable; one more blocks it (as at the original hive). */
const TAKEOVERS_ALLOWED = 3;
/** Version 1: a key's node that was silent for so long may have moved to another machine. */
const ABSENCE_MS = 90_000;

/**
 * Checks a node's API key and binds it to the first machine that uses it. A new machine becomes a new node of the
 * key's organisation; a new key of a known machine leads to the same node. The errors' wording is the original hive's.
 *
 * Version 1: the nodes of one host have the same machine_id, so a key alone tells its node; it may move to another
 * machine when its node has gone.
 */
export async function authenticateNode(db: Database, introduction: NodeIntroduction): Promise<NodeAuthentication> {
  const known = await db.nodeApiKey.count({ where: { keyHash: introduction.keyHash } });
  if (known === 0) return refuse('invalid API key'); // nodes try again for ever: no transaction for them
  return db.$transaction(async (tx) => {
    await tx.$queryRaw`SELECT 1 FROM node_api_key WHERE key_hash = ${introduction.keyHash} FOR UPDATE`;
    const key = await tx.nodeApiKey.findUnique({ where: { keyHash: introduction.keyHash } });
    if (!key) return refuse('invalid API key');
    if (key.revokedAt) return refuse('API key revoked');
    if (key.blockedAt) return refuse(`API key blocked: ${key.blockedReason ?? 'by an administrator'}`);
    const isOtherMachine = key.machineId !== null && key.machineId !== storableText(introduction.machineId);
    if (isOtherMachine && !(introduction.protocolVersion === 1 && (await isAbsent(tx, key)))) {
      return countTakeover(tx, key, introduction.protocolVersion);
    }
    const nodeId = await upsertNode(tx, key, introduction);
    await tx.nodeApiKey.update({
      where: { id: key.id },
      data: { nodeId, machineId: storableText(introduction.machineId), lastUsedAt: new Date() },
    });
    return { accepted: true, node: { nodeId, organizationId: key.organizationId, apiKeyId: key.id } };
  });
}

function refuse(error: string): NodeAuthentication {
  return { accepted: false, error };
}

async function isAbsent(tx: Queryable, key: NodeApiKey): Promise<boolean> {
  if (key.nodeId === null) return true;
  const node = await tx.node.findUnique({ where: { id: key.nodeId }, select: { lastHeartbeatAt: true } });
  return Date.now() - (node?.lastHeartbeatAt?.getTime() ?? 0) >= ABSENCE_MS;
}

async function countTakeover(tx: Queryable, key: NodeApiKey, protocolVersion: number): Promise<NodeAuthentication> {
  const now = Date.now();
  const inWindow = key.takeoverWindowStart !== null && now - key.takeoverWindowStart.getTime() < TAKEOVER_WINDOW_MS;
  const count = inWindow ? key.takeoverCount + 1 : 1;
  const blocked = count > TAKEOVERS_ALLOWED;
  await tx.nodeApiKey.update({
    where: { id: key.id },
    data: {
      takeoverCount: count,
      takeoverWindowStart: inWindow ? key.takeoverWindowStart : new Date(now),
      ...(blocked && { blockedAt: new Date(now), blockedReason: 'another machine tried to use it repeatedly' }),
    },
  });
  return refuse(
    blocked
      ? 'API key blocked: another machine tried to use it repeatedly'
      : `takeover detected: Another machine is using this API key. Attempt ${count} of ${TAKEOVERS_ALLOWED}. ` +
          (protocolVersion === 1
            ? 'Wait for the other node to go offline or contact admin.'
            : 'Use a key of its own for each machine, or contact an administrator.'),
  );
}

async function upsertNode(tx: Queryable, key: NodeApiKey, introduction: NodeIntroduction): Promise<string> {
  const { capabilities, protocolVersion } = introduction;
  const machineId = storableText(introduction.machineId);
  const name = storableText(introduction.name);
  const publicUrl = introduction.publicUrl === null ? null : storableText(introduction.publicUrl);
  const known = key.nodeId ?? (protocolVersion === 1 ? undefined : await findByMachine(tx, key, machineId));
  const description = { name, machineId, capabilities, publicUrl, protocolVersion, status: 'online' };
  const presence = { connectedAt: new Date(), lastHeartbeatAt: new Date(), disconnectedAt: null };
  if (known === undefined) {
    const { id } = await tx.node.create({ data: { ...description, ...presence, organizationId: key.organizationId } });
    return id;
  }
  if (protocolVersion === 1) await excludeAbsence(tx, known);
  else await forgetHiveRevisions(tx, known);
  await tx.node.update({ where: { id: known }, data: { ...description, ...presence } });
  return known;
}

async function findByMachine(tx: Queryable, key: NodeApiKey, machineId: string): Promise<string | undefined> {
  const where = { organizationId: key.organizationId, machineId };
  return (await tx.node.findFirst({ where, select: { id: true } }))?.id;
}
